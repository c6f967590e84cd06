import WeirCore

/// Secrets Manager's rules for tags.
enum SecretTags {
    static let limit = 50

    static func check(_ tags: [ResourceTag]) throws(Refusal) {
        var keys: Set<String> = []
        for tag in tags {
            guard !tag.key.lowercased().hasPrefix("aws:") else {
                throw Refusal(.invalidParameter, "Tag keys that begin with aws: are reserved.")
            }
            guard keys.insert(tag.key).inserted else {
                throw Refusal(.invalidParameter, "The tag key \(tag.key) is given more than once.")
            }
        }
        guard tags.count <= limit else { throw .tooManySecretTags }
    }
}

extension Refusal {
    static let tooManySecretTags = Refusal(
        .invalidParameter, "A secret can have at most \(SecretTags.limit) tags.")
}
