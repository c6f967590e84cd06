import ArgumentParser
import WeirCore

/// `weir accounts`: the accounts of a server, side by side.
struct AccountsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accounts", abstract: "List a running server's accounts, make one, give it root keys, disable it.",
        discussion: """
            Each account has a root, users, roles and registries of its own. Only the root of the server's home account may do this, and those
            to whom a policy of that account gives the weir: actions.
            """,
        subcommands: [List.self, Create.self, RootKey.self, Disable.self, Enable.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the accounts. (default)")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let accounts = try await client.all("accounts", of: "ListAccounts")
                server.show(["accounts": .array(accounts)]) { AccountText.table(accounts) }
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Make an account with its first root key, which is shown this once.")

        @Argument(help: .init("Its twelve digits. (default: at random)", valueName: "account"))
        var account: String?
        @Option(help: .init("A name for it.", valueName: "name"))
        var alias: String?
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let answer = try await client.call(
                    "CreateAccount",
                    .members(["accountId": account.map { .string($0) }, "alias": alias.map { .string($0) }]))
                server.show(answer) {
                    let id = answer["account"]?.text(of: "accountId") ?? ""
                    return "The account \(id) is made. " + AccountText.key(answer["accessKey"] ?? .null, of: id)
                }
            }
        }
    }

    struct RootKey: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "root-key", abstract: "Make a new root key of an account, which is shown this once.")

        @Argument(help: .init("Its twelve digits.", valueName: "account"))
        var account: String
        @Flag(help: "End the account's earlier root keys.")
        var replace = false
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let answer = try await client.call(
                    "CreateRootKey", ["accountId": .string(account), "replace": .bool(replace)])
                server.show(answer) {
                    let removed = answer.texts("removed")
                    let ended = removed.isEmpty ? "" : "\nEnded: \(removed.joined(separator: ", "))\n"
                    return AccountText.key(answer["accessKey"] ?? .null, of: account) + ended
                }
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "disable", abstract: "End all sign-ins of an account, of its root too. What it has stays.")

        @Argument(help: .init("Its twelve digits.", valueName: "account"))
        var account: String
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let answer = try await client.call("DisableAccount", ["accountId": .string(account)])
                server.show(answer) { "The account \(account) is disabled: its keys, sessions and passwords open nothing." }
            }
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "enable", abstract: "Let a disabled account sign in again.")

        @Argument(help: .init("Its twelve digits.", valueName: "account"))
        var account: String
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let answer = try await client.call("EnableAccount", ["accountId": .string(account)])
                server.show(answer) { "The account \(account) is enabled." }
            }
        }
    }
}

/// `weir keys`: the access keys of an account, or of all.
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "List access keys, with their last use, and remove one.",
        discussion: "The home account's callers see the keys of all accounts, others those of their own.",
        subcommands: [List.self, Remove.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the access keys. (default)")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let keys = try await client.all("keys", of: "ListKeys")
                server.show(["keys": .array(keys)]) { AccountText.keys(keys) }
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove",
            abstract: "Remove an access key: it opens nothing from now on, and what was made with it neither.")

        @Argument(help: .init("Its id: AKIA….", valueName: "key"))
        var key: String
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let answer = try await client.call("RemoveKey", ["accessKeyId": .string(key)])
                server.show(answer) { "\(key) is removed." }
            }
        }
    }
}

extension OperatorClient {
    /// All items of a list that comes in pages.
    func all(_ member: String, of operation: String) async throws -> [JSONValue] {
        var items: [JSONValue] = []
        var token: JSONValue?
        repeat {
            let page = try await call(operation, .members(["maxResults": .integer(1_000), "nextToken": token]))
            items += page.list(member)
            token = page["nextToken"]
        } while token != nil
        return items
    }
}
