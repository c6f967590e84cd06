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
