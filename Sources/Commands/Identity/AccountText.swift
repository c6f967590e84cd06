package import WeirCore

/// Accounts and access keys for people.
package enum AccountText {
    package static func table(_ accounts: [JSONValue]) -> String {
        let head = ["ACCOUNT", "ALIAS", "ROOT KEYS", "USERS", "USER KEYS", "ROLES", "REPOSITORIES", "STATE"]
        let rows = accounts.map { account in
            [
                account.text(of: "accountId") ?? "", account.text(of: "alias") ?? "-", "\(account.count(of: "rootKeys"))",
                "\(account.count(of: "users"))", "\(account.count(of: "userKeys"))", "\(account.count(of: "roles"))",
                "\(account.count(of: "repositories"))", state(account),
            ]
        }
        return Table([head] + rows).text(within: nil)
    }

    private static func state(_ account: JSONValue) -> String {
        if let moment = account.moment(of: "disabledAt") { return "disabled since \(moment)" }
        return account.flag("isHome") ? "home" : "enabled"
    }

    package static func keys(_ keys: [JSONValue]) -> String {
        let head = ["KEY", "ACCOUNT", "OWNER", "STATUS", "CREATED", "LAST USED"]
        let rows = keys.map { key in
            let use = key.moment(of: "lastUsedAt").map { moment in
                [moment, key.text(of: "lastUsedService"), key.text(of: "lastUsedRegion")].compactMap(\.self)
                    .joined(separator: " ")
            }
            return [
                key.text(of: "accessKeyId") ?? "", key.text(of: "accountId") ?? "", key.text(of: "owner") ?? "(gone)",
                (key.text(of: "status") ?? "").lowercased(), key.moment(of: "createdAt") ?? "", use ?? "never",
            ]
        }
        return Table([head] + rows).text(within: nil)
    }

    /// A new key in the form of a credentials file's profile.
    package static func key(_ key: JSONValue, of account: String) -> String {
        """
        Its new root key, which is shown this once, as a profile of ~/.aws/credentials:

        [\(account)]
        aws_access_key_id = \(key.text(of: "accessKeyId") ?? "")
        aws_secret_access_key = \(key.text(of: "secretAccessKey") ?? "")

        """
    }
}
