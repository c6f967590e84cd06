import WeirCore

/// What a token is checked by, of an account's OIDC providers.
enum ProviderQueries {
    /// Nil where the account has no provider with that URL, letter by letter.
    static func facts(of issuer: OIDCIssuer, in account: AccountID, _ sql: any SQLConnection) throws -> OIDCProviderFacts? {
        guard let entity = try EntityTable.find(.oidcProvider, named: issuer.name, in: account, sql),
            let row = try sql.rows(
                "SELECT url, client_ids, key_set FROM iam_oidc_provider WHERE id = $1", [.text(entity.id)]
            ).first, try row.text(0) == issuer.url
        else { return nil }
        let clients = (try? JSONValue(parsing: try row.text(1).utf8))?.strings ?? []
        let keys = try row.optionalText(2).flatMap { try? JSONWebKeySet(parsing: Array($0.utf8)) }
        return OIDCProviderFacts(issuer: issuer, clientIDs: clients, keys: keys)
    }
}
