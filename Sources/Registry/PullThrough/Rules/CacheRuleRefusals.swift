import WeirCore

/// ECR's sentences about cache rules (docs/ecr.md, "Sentences").
extension Refusal {
    static func cacheRuleNotFound(_ prefix: Prefix, in registry: RegistryID) -> Refusal {
        Refusal(
            .cacheRuleNotFound,
            "The pull through cache rule with Amazon ECR repository prefix '\(prefix)' does not exist "
                + "in the registry with id '\(registry.account)'")
    }

    static func cacheRuleAlreadyExists(_ prefix: Prefix, in registry: RegistryID) -> Refusal {
        Refusal(
            .cacheRuleAlreadyExists,
            "The pull through cache rule with Amazon ECR repository prefix '\(prefix)' already exists "
                + "in the registry with id '\(registry.account)'")
    }

    static var ruleSecretNotFound: Refusal {
        Refusal(
            .secretNotFound,
            "The ARN of the secret specified in the pull through cache rule was not found. "
                + "Update the pull through cache rule with a valid secret ARN and try again.")
    }
}

extension Prefix {
    /// Equal for prefixes that count as the same one: a slash at the end makes no difference.
    var key: String {
        switch self {
        case .root: "ROOT"
        case .path(let text): text.hasSuffix("/") ? String(text.dropLast()) : text
        }
    }
}
