/// A rule's tag selection, with its patterns compiled once for all images.
struct LifecycleMatcher {
    private let tags: LifecycleSelection.Tags
    private let globs: [Glob]

    init(_ tags: LifecycleSelection.Tags) {
        self.tags = tags
        if case .patterns(let patterns) = tags { globs = patterns.map { Glob($0) } } else { globs = [] }
    }

    func sees(_ imageTags: [Tag]) -> Bool {
        switch tags {
        case .any: true
        case .untagged: imageTags.isEmpty
        case .prefixes(let prefixes):
            prefixes.allSatisfy { prefix in imageTags.contains { $0.description.hasPrefix(prefix) } }
        case .patterns: globs.allSatisfy { glob in imageTags.contains { glob.matches($0.description) } }
        }
    }
}
