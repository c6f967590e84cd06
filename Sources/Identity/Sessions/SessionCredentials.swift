package import WeirCore

/// New temporary credentials. Their printed form reveals nothing.
package struct SessionCredentials: Sendable, CustomStringConvertible, CustomReflectable {
    /// `ASIA…`.
    package let accessKeyID: String
    package let secretAccessKey: String
    package let sessionToken: String
    /// In whole seconds, rounded down: the session itself lasts to the same moment.
    package let expiresAt: Timestamp
    /// As whom they sign.
    package let caller: Caller
    /// Per cent of the room that a token has for policies and tags; nil where neither was passed.
    package let packedPolicySize: Int?

    package var description: String { "(temporary credentials)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
