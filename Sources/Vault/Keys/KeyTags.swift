import WeirCore

/// KMS's rules for tags.
enum KeyTags {
    static let limit = 50

    static func check(_ tags: [ResourceTag]) throws(Refusal) {
        var keys: Set<String> = []
        for tag in tags {
            guard !tag.key.lowercased().hasPrefix("aws:") else {
                throw Refusal(.kmsTagInvalid, "Tag keys that begin with aws: are reserved.")
            }
            guard keys.insert(tag.key).inserted else { throw Refusal(.kmsTagInvalid, "Duplicate tag key: \(tag.key)") }
        }
        guard tags.count <= limit else { throw Refusal(.kmsTagInvalid, "Too many tags") }
    }
}

extension Refusal {
    static let tooManyKeyTags = Refusal(.kmsLimitExceeded, "A key can have at most \(KeyTags.limit) tags.")
}
