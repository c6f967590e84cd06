import WeirCore

/// The keys of issuers that are given to the server by hand, where it cannot ask the issuer.
package struct ProviderKeys: Sendable {
    private let store: IdentityStore

    package init(store: IdentityStore) { self.store = store }

    /// Sets an OIDC provider's key set, or has it fetched from the issuer again where `text` is nil.
    ///
    /// Throws `.invalidParameter` for a text that is no key set, or has no key that can be used.
    ///
    /// - Returns: how many of its keys can be used.
    package func set(_ text: String?, of provider: Entity) async throws -> Int {
        var count = 0
        if let text {
            let keys: JSONWebKeySet
            do throws(JSONWebKeySet.Fault) { keys = try JSONWebKeySet(parsing: Array(text.utf8)) } catch {
                throw Refusal(.invalidParameter, "Invalid parameter at 'keySet': \(error)")
            }
            guard !keys.isEmpty else {
                let why = keys.unusable.first.map { ": \($0.fault)" } ?? ""
                throw Refusal(.invalidParameter, "Invalid parameter at 'keySet': it has no key that can be used\(why)")
            }
            count = keys.keys.count
        }
        try await OIDCProviders(store: store).setKeySet(text, of: provider.arn(), in: provider.account)
        return count
    }
}
