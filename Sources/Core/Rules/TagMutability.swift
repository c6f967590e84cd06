/// Whether a tag may move to another digest (ECR user guide, "Image tag mutability").
package struct TagMutability: Hashable, Sendable {
    package enum Setting: String, Sendable, CaseIterable {
        case mutable = "MUTABLE"
        case immutable = "IMMUTABLE"
        case immutableWithExclusion = "IMMUTABLE_WITH_EXCLUSION"
        case mutableWithExclusion = "MUTABLE_WITH_EXCLUSION"

        package var hasExclusions: Bool { self == .immutableWithExclusion || self == .mutableWithExclusion }
    }

    package let setting: Setting
    /// Wildcard filters, in the order given. Empty unless the setting has exclusions.
    package let exclusions: [String]

    package init(_ setting: Setting, excluding exclusions: [String] = []) {
        self.setting = setting
        self.exclusions = exclusions
    }

    package static let mutable = TagMutability(.mutable)

    package func mayMove(_ tag: Tag) -> Bool {
        switch setting {
        case .mutable: true
        case .immutable: false
        case .immutableWithExclusion: isExcluded(tag)
        case .mutableWithExclusion: !isExcluded(tag)
        }
    }

    private func isExcluded(_ tag: Tag) -> Bool {
        exclusions.contains { Glob($0).matches(tag.description) }
    }
}

/// An anchored pattern in which `*` stands for any run of characters, also an empty one, and, where asked for, `?` for one.
package struct Glob: Hashable, Sendable {
    private let pattern: [UInt8]
    private let questionMarks: Bool

    package init(_ pattern: String, questionMarks: Bool = false) {
        self.pattern = Array(pattern.utf8)
        self.questionMarks = questionMarks
    }

    package func matches(_ text: String) -> Bool {
        let text = Array(text.utf8)
        var at = 0
        var next = 0
        var star: (pattern: Int, text: Int)?
        // Linear with one step back: after a mismatch only the last star can take one character more.
        while at < text.count {
            if next < pattern.count, pattern[next] == UInt8(ascii: "*") {
                star = (next, at)
                next += 1
            } else if next < pattern.count,
                pattern[next] == text[at] || (questionMarks && pattern[next] == UInt8(ascii: "?"))
            {
                next += 1
                at += 1
            } else if let last = star {
                star = (last.pattern, last.text + 1)
                next = last.pattern + 1
                at = last.text + 1
            } else {
                return false
            }
        }
        return pattern[next...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
