package import WeirCore

/// An account of this server: its home, or one that `weir accounts create` has made.
package struct Account: Sendable, Equatable {
    package let id: AccountID
    /// Unique on this server.
    package let alias: String?
    package let createdAt: Timestamp
    /// When it was disabled; nil while its root, users and roles may sign in.
    package let disabledAt: Timestamp?
}

/// An account with what it has, for lists.
package struct AccountSummary: Sendable {
    package let account: Account
    package let rootKeys: Int64
    package let userKeys: Int64
    package let users: Int64
    package let roles: Int64
}
