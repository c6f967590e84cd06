import WeirCore

/// What IAM wants of the tags of users, roles and instance profiles: at most 50, whose keys differ in more than their case.
enum EntityTagRules {
    /// The most that an entity may have.
    static let most = 50

    /// Tags for a new entity, checked.
    static func new(_ tags: [ResourceTag]) throws(Refusal) -> [ResourceTag] { try changed([], adding: tags) }

    /// The tags after a call that sets some of them: a key that differs in case alone is the same one, and is now written as in
    /// this call.
    static func changed(_ tags: [ResourceTag], adding new: [ResourceTag]) throws(Refusal) -> [ResourceTag] {
        let keys = Set(new.map { folded($0.key) })
        guard keys.count == new.count else {
            throw Refusal(.iamInvalidInput, "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
        }
        guard !keys.contains(where: { $0.hasPrefix("aws:") }) else {
            throw Refusal(.iamInvalidInput, "Tag keys that begin with aws: are reserved for system use.")
        }
        let all = tags.filter { !keys.contains(folded($0.key)) } + new
        guard all.count <= most else {
            throw Refusal(.iamLimitExceeded, "The number of tags has reached the maximum limit.")
        }
        return all.sorted { $0.key < $1.key }
    }

    static func changed(_ tags: [ResourceTag], removing keys: [String]) -> [ResourceTag] {
        let keys = Set(keys.map(folded))
        return tags.filter { !keys.contains(folded($0.key)) }
    }

    private static func folded(_ key: String) -> String { key.lowercased() }
}
