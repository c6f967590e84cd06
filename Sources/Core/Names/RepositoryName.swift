/// A repository's name: 2 to 256 characters, components joined by `/`.
///
/// The pattern is ECR's: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`.
package struct RepositoryName: Hashable, Sendable, CustomStringConvertible, Comparable {
    package let description: String

    package init(_ text: String) throws(NameError) {
        guard (2...256).contains(text.utf8.count) else {
            throw NameError("repository name", text, "must have 2 to 256 characters")
        }
        guard PathComponents.isWellFormed(text) else {
            throw NameError("repository name", text, "does not match ECR's pattern for repository names")
        }
        description = text
    }

    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

/// The grammar that repository names and prefixes share.
enum PathComponents {
    /// The state after the previous byte.
    private enum After { case start, word, dot, underscore, underscores, dashes }

    /// True for `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` components joined by single slashes.
    static func isWellFormed(_ text: some StringProtocol) -> Bool {
        var after = After.start
        for byte in text.utf8 {
            switch (byte, after) {
            case (0x61...0x7a, _), (0x30...0x39, _): after = .word
            case (0x2f, .word): after = .start
            case (0x2e, .word): after = .dot
            case (0x5f, .word): after = .underscore
            case (0x5f, .underscore): after = .underscores
            case (0x2d, .word), (0x2d, .dashes): after = .dashes
            default: return false
            }
        }
        return after == .word
    }
}
