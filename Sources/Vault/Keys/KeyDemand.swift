package import WeirCore

/// One use of a KMS key, for `KeyAccess` to say whose policies decide it.
package struct KeyDemand: Sendable {
    package enum Target: Sendable {
        /// By id, alias, or an ARN of either. It need not exist.
        case named(String)
        /// The key that sealed these bytes.
        case sealer(of: [UInt8])
    }

    package let target: Target
    package let registry: RegistryID
    /// The encryption context of the call.
    package var context: [String: String] = [:]
    /// The grant that the call would make.
    package var grant: KMSGrant.Terms?
    /// The grant that the call would retire: its own principals may.
    package var retired: String?

    package init(_ target: Target, in registry: RegistryID) {
        self.target = target
        self.registry = registry
    }
}
