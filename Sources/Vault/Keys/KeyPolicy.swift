import WeirCore

/// A key's policy: the root of trust of its key. Without an Allow in it, or a grant, no other policy allows anything, not even to
/// the account's root (`KeyAccess`).
enum KeyPolicy {
    /// KMS's limit on a policy's length.
    static let maxBytes = 32_768

    /// Throws unless the text is a policy by IAM's grammar. With an author, it must also let the author change the policy again:
    /// KMS's lockout check. The check evaluates this policy alone, with only the author's own condition keys.
    @discardableResult
    static func check(
        _ text: String, of key: KMSKey, by author: Caller?, at now: Timestamp
    ) throws(Refusal) -> PolicyDocument {
        guard text.utf8.count <= maxBytes else {
            throw Refusal(.kmsLimitExceeded, "The key policy is longer than \(maxBytes) bytes.")
        }
        let policy: PolicyDocument
        do throws(PolicyError) {
            policy = try PolicyDocument(text, maxLength: maxBytes)
        } catch {
            throw Refusal(.kmsMalformedPolicy, "The key policy is not valid: \(error.reason).")
        }
        guard let author else { return policy }
        var context = PolicyContext(
            of: author, from: RequestOrigin.current, at: now, owner: key.registry.account, in: key.registry.region)
        context["kms:CallerAccount"] = [author.account.description]
        let request = AuthorizationRequest(
            caller: author, action: "kms:PutKeyPolicy", resource: key.arn, owner: key.registry.account, isStrict: true,
            context: context)
        guard case .allows = policy.answer(to: request) else {
            throw Refusal(
                .kmsMalformedPolicy,
                "The new key policy will not allow you to update the key policy in the future. "
                    + "BypassPolicyLockoutSafetyCheck sets it nevertheless.")
        }
        return policy
    }

    /// The users and roles that a valid policy names. Throws where one of this server's accounts has no such user or role.
    static func pins(_ text: String, by principals: any PrincipalPolicies) async throws -> PolicyPins {
        guard let policy = try? PolicyDocument(text, maxLength: maxBytes) else { return .none }
        do { return try await PolicyPins.resolve(policy, by: principals) } catch is PolicyPins.Missing {
            throw Refusal(.kmsMalformedPolicy, "Policy contains a statement with one or more invalid principals.")
        }
    }

    /// The policy of a key that is created without one, identical to AWS's to the space: clients compare the texts.
    static func standard(for registry: RegistryID) -> String {
        """
        {
          "Version" : "2012-10-17",
          "Id" : "key-default-1",
          "Statement" : [ {
            "Sid" : "Enable IAM User Permissions",
            "Effect" : "Allow",
            "Principal" : {
              "AWS" : "arn:\(registry.region.partition):iam::\(registry.account):root"
            },
            "Action" : "kms:*",
            "Resource" : "*"
          } ]
        }
        """
    }

    /// The policy of an AWS managed key: everyone in the account may use the key through that service, and no one may change it.
    static func managed(for service: String, in registry: RegistryID) -> String {
        """
        {
          "Version" : "2012-10-17",
          "Id" : "auto-\(service)-1",
          "Statement" : [ {
            "Sid" : "Allow use through \(service) by everyone in the account",
            "Effect" : "Allow",
            "Principal" : {
              "AWS" : "*"
            },
            "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey" ],
            "Resource" : "*",
            "Condition" : {
              "StringEquals" : {
                "kms:CallerAccount" : "\(registry.account)",
                "kms:ViaService" : "\(service).\(registry.region).amazonaws.com"
              }
            }
          }, {
            "Sid" : "Allow the account to look at the key",
            "Effect" : "Allow",
            "Principal" : {
              "AWS" : "arn:\(registry.region.partition):iam::\(registry.account):root"
            },
            "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
            "Resource" : "*"
          } ]
        }
        """
    }
}
