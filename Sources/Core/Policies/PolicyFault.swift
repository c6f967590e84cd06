/// Why a text is not a policy. `reason` goes to the log; ECR's clients get ECR's own sentence, IAM's and STS's get `message`.
package struct PolicyFault: Error, Equatable, CustomStringConvertible {
    /// In the order in which they are told: of several faults in one document, IAM names the first of these.
    package enum Kind: Sendable, Equatable {
        /// Not JSON, an unknown or repeated member, a value of the wrong type, an unknown operator, both Action and NotAction.
        case syntax
        /// A trust policy that is not JSON.
        case notJSON
        case principalForbidden
        case version
        /// `Effect` in another case, a bad date in a Date condition, an ARN that cannot be split.
        case legacyParsing
        case sidCharacters
        case sidTwice
        case noActions
        case actionWithoutVendor
        case actionOfManyColons
        case vendor(String)
        case noResources
        case resourceFormat(String)
        case partition(String, resource: String)
        case resourceVendor
        case region(of: String)
        case regionOfBucket(String)
        case resourcePath
        case trustAction
        /// A trust policy with a member that it may not have.
        case prohibited(member: String)
        /// A trust policy without a member that it needs.
        case missing(member: String)
        /// A principal that is none, or that does not exist: `AWS` and the text.
        case principal(kind: String, name: String)
        /// A trust in an identity provider of many tenants that does not say whose token it means: the condition key.
        case unboundSubject(key: String)
    }

    package let kind: Kind
    /// What is wrong, in our own words: at most 300 characters.
    package let reason: String

    package init(_ kind: Kind, _ reason: String? = nil) {
        self.kind = kind
        self.reason = String((reason ?? Self.text(kind)).prefix(300))
    }

    /// A fault that only the log tells in its own words.
    init(_ reason: String) { self.init(.syntax, reason) }

    /// AWS's sentence for a `MalformedPolicyDocument`.
    package var message: String { Self.text(kind) }

    package var description: String { "the policy is not valid: \(reason)" }

    private static func text(_ kind: Kind) -> String {
        switch kind {
        case .syntax: "Syntax errors in policy."
        case .notJSON: "This policy contains invalid Json"
        case .principalForbidden: "Policy document should not specify a principal."
        case .version: "Policy document must be version 2012-10-17 or greater."
        case .legacyParsing: "The policy failed legacy parsing"
        case .sidCharacters:
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
        case .sidTwice: "Statement IDs (SID) in a single policy must be unique."
        case .noActions: "Policy statement must contain actions."
        case .actionWithoutVendor: "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
        case .actionOfManyColons: "Actions/Condition can contain only one colon."
        case .vendor(let vendor): "Vendor \(vendor) is not valid"
        case .noResources: "Policy statement must contain resources."
        case .resourceFormat(let resource): "Resource \(resource) must be in ARN format or \"*\"."
        case .partition(let partition, let resource): "Partition \"\(partition)\" is not valid for resource \"\(resource)\"."
        case .resourceVendor: "Resource vendor must be fully qualified and cannot contain regexes."
        case .region(let resource): "IAM resource \(resource) cannot contain region information."
        case .regionOfBucket(let resource): "Resource \(resource) can not contain region information."
        case .resourcePath:
            "IAM resource path must either be \"*\", root, or start with \(IdentityResource.paths.joined(separator: ", "))."
        case .trustAction: "AssumeRole policy may only specify STS AssumeRole actions."
        case .prohibited(let member): "Has prohibited field \(member)"
        case .missing(let member): "Missing required field \(member)"
        case .principal(let kind, let name): "Invalid principal in policy: \"\(kind)\":\"\(name)\""
        case .unboundSubject(let key):
            "The trust policy allows an identity provider of many tenants and does not limit whose tokens it accepts: a condition "
                + "must compare \(key) by StringEquals or StringLike with a value that names the tenant."
        }
    }
}

/// The name that readers of ECR's policies use.
package typealias PolicyError = PolicyFault
