#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
import WeirCore

/// A key's policy: kept and read back. What it allows is not asked yet: only the account itself works with its keys here.
enum KeyPolicy {
    /// KMS's limit on a policy's length.
    static let maxBytes = 32_768

    /// Throws unless the text is a policy's JSON: an object with statements, each with an effect, an action and a principal.
    static func check(_ text: String) throws(Refusal) {
        guard text.utf8.count <= maxBytes else {
            throw Refusal(.kmsLimitExceeded, "The key policy is longer than \(maxBytes) bytes.")
        }
        do {
            let document = try JSONDecoder().decode(Document.self, from: Data(text.utf8))
            guard !document.statements.isEmpty else { throw Refusal(.kmsMalformedPolicy, "The key policy has no statement.") }
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal(
                .kmsMalformedPolicy,
                "The key policy is not valid: it must be a JSON object whose statements each have Effect, Principal and Action.")
        }
    }

    /// What a key that is created without a policy has, to the space: clients compare texts.
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

    /// What a key has that the server makes for a service: everyone in the account may use it through that service, nobody may change it.
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

    private struct Document: Decodable {
        let statements: [Statement]

        enum CodingKeys: String, CodingKey { case statement = "Statement" }

        init(from decoder: any Decoder) throws {
            let members = try decoder.container(keyedBy: CodingKeys.self)
            if let one = try? members.decode(Statement.self, forKey: .statement) {
                statements = [one]
            } else {
                statements = try members.decode([Statement].self, forKey: .statement)
            }
        }
    }

    private struct Statement: Decodable {
        enum Effect: String, Decodable { case allow = "Allow", deny = "Deny" }
        enum CodingKeys: String, CodingKey, CaseIterable {
            case effect = "Effect", action = "Action", notAction = "NotAction", principal = "Principal", notPrincipal =
                "NotPrincipal"
        }

        init(from decoder: any Decoder) throws {
            let members = try decoder.container(keyedBy: CodingKeys.self)
            _ = try members.decode(Effect.self, forKey: .effect)
            try Self.require(.action, or: .notAction, in: members)
            try Self.require(.principal, or: .notPrincipal, in: members)
        }

        private static func require(
            _ one: CodingKeys, or other: CodingKeys, in members: KeyedDecodingContainer<CodingKeys>
        ) throws {
            guard members.contains(one) != members.contains(other) else {
                throw DecodingError.dataCorruptedError(forKey: one, in: members, debugDescription: "one of the two")
            }
        }
    }
}
