import WeirCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A key pair of AWS, long-lived or temporary. Its description and its mirror hide the secret.
package struct AWSKeys: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    package let accessKeyID: String
    package let secretAccessKey: String
    package let sessionToken: String?

    package init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }

    /// The usual variables `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; nil where they are not set.
    package init?(environment: [String: String] = ProcessInfo.processInfo.environment) {
        guard let id = environment["AWS_ACCESS_KEY_ID"], !id.isEmpty,
            let secret = environment["AWS_SECRET_ACCESS_KEY"], !secret.isEmpty
        else { return nil }
        let token = environment["AWS_SESSION_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
        self.init(accessKeyID: id, secretAccessKey: secret, sessionToken: token)
    }

    package var description: String { "(AWS keys)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// This server's own AWS keys, and the accounts whose rules may use them.
///
/// A rule without a secret sends its requests with the server's keys, and receives what those keys may read. Only the accounts
/// that the operator lists may use them: any other account would borrow the server's rights (the confused deputy).
struct AWSIdentity: Sendable {
    private let keys: AWSKeys?
    private let accounts: Set<AccountID>

    init(_ keys: AWSKeys?, for accounts: Set<AccountID>) {
        self.keys = keys
        self.accounts = accounts
    }

    /// Nil where there are no keys, or the account may not use them.
    func keys(for account: AccountID?) -> AWSKeys? { serves(account) ? keys : nil }

    /// Why there are no keys for an account, and what to do, as the end of a sentence.
    func absence(for account: AccountID?) -> String {
        guard keys != nil, let account else {
            return "or this server an identity at AWS (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
        }
        return "as this server's own identity at AWS does not serve the account \(account) "
            + "(--upstream-identity-account \(account) lets it)"
    }

    private func serves(_ account: AccountID?) -> Bool { account.map(accounts.contains) ?? false }
}
