/// A tag, as the OCI distribution specification spells it: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
package struct Tag: Hashable, Sendable, CustomStringConvertible, Comparable {
    package let description: String

    package init(_ text: String) throws(NameError) {
        let isWord = { (byte: UInt8) in
            (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)
                || byte == 0x5f
        }
        guard let first = text.utf8.first, isWord(first), text.utf8.count <= 128,
            text.utf8.allSatisfy({ isWord($0) || $0 == 0x2e || $0 == 0x2d })
        else {
            throw NameError("tag", text, "is not 1 to 128 of the characters a-z A-Z 0-9 _ . - or begins with . or -")
        }
        description = text
    }

    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

/// A manifest's name inside a repository.
package enum Reference: Hashable, Sendable, CustomStringConvertible {
    case tag(Tag)
    case digest(Digest)

    /// Text with a colon is a digest: no tag has one.
    package init(_ text: String) throws(NameError) {
        if text.utf8.contains(0x3a) { self = .digest(try Digest(text)) } else { self = .tag(try Tag(text)) }
    }

    package var description: String {
        switch self {
        case .tag(let tag): tag.description
        case .digest(let digest): digest.description
        }
    }

    /// The character between a repository's name and this reference: `name:tag`, `name@digest`.
    package var separator: String {
        switch self {
        case .tag: ":"
        case .digest: "@"
        }
    }
}
