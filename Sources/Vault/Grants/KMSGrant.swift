import Crypto
package import WeirCore
import WeirText

/// A permission to use a key, beside its policy: it allows some operations to one principal, and never denies.
package struct KMSGrant: Sendable, Hashable {
    /// What a grant can allow: KMS's enumeration.
    package enum Operation: String, Sendable, CaseIterable {
        case decrypt = "Decrypt"
        case encrypt = "Encrypt"
        case generateDataKey = "GenerateDataKey"
        case generateDataKeyWithoutPlaintext = "GenerateDataKeyWithoutPlaintext"
        case reEncryptFrom = "ReEncryptFrom"
        case reEncryptTo = "ReEncryptTo"
        case sign = "Sign"
        case verify = "Verify"
        case getPublicKey = "GetPublicKey"
        case createGrant = "CreateGrant"
        case retireGrant = "RetireGrant"
        case describeKey = "DescribeKey"
        case generateDataKeyPair = "GenerateDataKeyPair"
        case generateDataKeyPairWithoutPlaintext = "GenerateDataKeyPairWithoutPlaintext"
        case generateMAC = "GenerateMac"
        case verifyMAC = "VerifyMac"
        case deriveSharedSecret = "DeriveSharedSecret"

        /// False for what only asymmetric and HMAC keys can do: this server has symmetric keys alone.
        var fitsSymmetricKeys: Bool {
            switch self {
            case .decrypt, .encrypt, .generateDataKey, .generateDataKeyWithoutPlaintext, .reEncryptFrom, .reEncryptTo,
                .createGrant,
                .retireGrant, .describeKey, .generateDataKeyPair, .generateDataKeyPairWithoutPlaintext:
                true
            case .sign, .verify, .getPublicKey, .generateMAC, .verifyMAC, .deriveSharedSecret: false
            }
        }

        /// True for operations with an encryption context, which a constraint is about. Others are not constrained.
        var hasContext: Bool {
            switch self {
            case .createGrant, .retireGrant, .describeKey: false
            default: true
            }
        }
    }

    /// Which encryption contexts a grant is good for.
    package enum Constraint: Sendable, Hashable {
        /// This context, with no pair more.
        case equals([String: String])
        /// These pairs, and any others.
        case subset([String: String])

        /// KMS's limit on the pairs of one constraint.
        package static let maxPairs = 8

        package var context: [String: String] {
            switch self {
            case .equals(let context), .subset(let context): context
            }
        }

        package func admits(_ context: [String: String]) -> Bool {
            switch self {
            case .equals(let wanted): wanted == context
            case .subset(let wanted): wanted.allSatisfy { context[$0.key] == $0.value }
            }
        }
    }

    /// 64 hexadecimal digits.
    package let id: String
    /// The key's id, in `registry`.
    package let keyID: String
    package let registry: RegistryID
    package let terms: Terms
    /// The unique id of the user or role that `terms.grantee` named when the grant was made: a later one of that name gets
    /// nothing. Nil for accounts, sessions and principals of other servers.
    package let granteeID: String?
    package let retireeID: String?
    package let createdAt: Timestamp

    /// What the maker of a grant says of it. Two grants of one name with the same terms are one grant.
    package struct Terms: Sendable, Hashable {
        package let name: String?
        /// The ARN of a user, a role, a session or an account.
        package let grantee: String
        package let retiree: String?
        /// Without repetitions.
        package let operations: [Operation]
        package let constraint: Constraint?

        package init(
            name: String? = nil, grantee: String, retiree: String? = nil, operations: [Operation], constraint: Constraint? = nil
        ) {
            self.name = name
            self.grantee = grantee
            self.retiree = retiree
            self.operations = operations
            self.constraint = constraint
        }
    }

    /// Names the grant and its key to RetireGrant. Nothing else depends on it: a grant counts as soon as it is made.
    package var token: String { "\(keyID).\(id)" }

    /// A new grant's id.
    static func newID() -> String { Hex.encode(Keys.randomBytes(32)) }

    static func isID(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
    }
}

extension KMSGrant {
    /// Whether the grant lets the caller do this.
    func allows(_ caller: Caller, _ operation: Operation, _ demand: KeyDemand) -> Bool {
        guard terms.operations.contains(operation), Self.names(caller, terms.grantee, granteeID) else { return false }
        if operation == .createGrant, let made = demand.grant {
            // What a grant allows can be passed on, and no more: the same operations or fewer, under the same constraint.
            return Set(made.operations).isSubset(of: terms.operations)
                && (terms.constraint == nil || terms.constraint == made.constraint)
        }
        guard let constraint = terms.constraint, operation.hasContext else { return true }
        return constraint.admits(demand.context)
    }

    /// Whether the caller may retire the grant: the principal that it names for that, or its grantee where it says so.
    func isRetirable(by caller: Caller) -> Bool {
        if let retiree = terms.retiree, Self.names(caller, retiree, retireeID) { return true }
        return terms.operations.contains(.retireGrant) && Self.names(caller, terms.grantee, granteeID)
    }

    /// An account's ARN names its root alone.
    private static func names(_ caller: Caller, _ arn: String, _ id: String?) -> Bool {
        if let id { return caller.identity?.id == id }
        return arn == caller.principalARN || arn == caller.identity?.arn
    }
}
