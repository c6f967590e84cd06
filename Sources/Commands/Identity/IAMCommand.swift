import ArgumentParser
import WeirCore

/// `weir iam`: what IAM has no operation for.
struct IAMCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "iam", abstract: "Check an account's policies, print its users and roles, end sessions.",
        subcommands: [Check.self, Export.self, RevokeSessions.self])

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Look through all policies of the account for what cannot work, or opens more than it seems to.",
            discussion: "With --strict it ends with 1 where it finds anything.")

        @Flag(help: "End with 1 where anything is found.")
        var strict = false
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let answer = try await client.call("CheckPolicies", [:])
                server.show(answer) { IdentityText.findings(answer) }
                if strict, !answer.list("findings").isEmpty { throw ExitCode.failure }
            }
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export",
            abstract: "Print the account's users, groups, roles, policies and OIDC providers as JSON, without any secret.")

        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                var kinds: [String: [JSONValue]] = [:]
                var token: JSONValue?
                repeat {
                    let page = try await client.call("ExportIdentity", .members(["nextToken": token]))
                    kinds[IdentityText.member(page.text(of: "kind") ?? ""), default: []] += page.list("entities")
                    token = page["nextToken"]
                } while token != nil
                let document = JSONValue.object(kinds.mapValues { .array($0) })
                server.show(document) { document.text }
            }
        }
    }

    struct RevokeSessions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke-sessions",
            abstract: "End every session and registry password of a role or user that exists now.",
            discussion: "Its keys and policies stay, and it can sign in anew: disable those where it must not.")

        @Argument(help: .init("Whose.", valueName: "role/NAME|user/NAME|ARN"))
        var principal: String
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let answer = try await client.call("RevokeSessions", ["principal": .string(principal)])
                server.show(answer) {
                    "What \(answer.text(of: "principal") ?? principal) was given before \(answer.moment(of: "revokedAt") ?? "now") is over."
                }
            }
        }
    }
}

/// `weir oidc`: sign-ins by the tokens of OpenID Connect issuers.
struct OIDCCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oidc", abstract: "Try a web identity token, or give an OIDC provider its keys by hand.",
        subcommands: [Try.self, Keys.self])

    struct Try: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "test", abstract: "Say step by step whether a token may assume a role, and why not.",
            discussion: """
                The token is read from a file, or from standard input where '-' is given: on the command line others could see it. Nothing is
                issued, and the server neither keeps nor logs it.
                """)

        @Argument(help: .init("A file with the token; - for standard input.", valueName: "file|-"))
        var token: String
        @Argument(help: .init("The role.", valueName: "role/NAME|ARN"))
        var role: String
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.speaking { client in
                let bytes = try CommandFile.input(token)
                let text = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
                let answer = try await client.call(
                    "TestWebIdentity", ["webIdentityToken": .string(text), "role": .string(role)])
                server.show(answer) { IdentityText.token(answer) }
                if !answer.flag("allowed") { throw ExitCode.failure }
            }
        }
    }

    struct Keys: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "keys",
            abstract: "Give an OIDC provider the issuer's keys (JWKS), for an issuer that the server cannot ask.",
            discussion: "From then on the issuer is not asked, and these keys alone count. --fetch has it asked again.")

        @Argument(help: .init("The provider's ARN, or its URL.", valueName: "provider"))
        var provider: String
        @Argument(help: .init("A file with the key set; - for standard input.", valueName: "file|-"))
        var file: String?
        @Flag(help: "Forget the keys that were given, and fetch them from the issuer.")
        var fetch = false
        @OptionGroup var server: ServerOptions

        func validate() throws {
            guard (file == nil) == fetch else { throw ValidationError("Name a file with keys, or say --fetch.") }
        }

        func run() async throws {
            try await server.speaking { client in
                let keys = try file.map { JSONValue.string(String(decoding: try CommandFile.input($0), as: UTF8.self)) }
                let answer = try await client.call(
                    "SetProviderKeys", .members(["provider": .string(provider), "keySet": keys]))
                server.show(answer) {
                    let arn = answer.text(of: "provider") ?? provider
                    return fetch
                        ? "\(arn): its keys are fetched from the issuer."
                        : "\(arn): \(answer.count(of: "keys")) keys are given; the issuer is not asked any more."
                }
            }
        }
    }
}

extension CommandFile {
    /// The bytes of a file that must be there, or of standard input where the path is `-`.
    static func input(_ path: String) throws(CommandProblem) -> [UInt8] {
        if path == "-" { return try contents(of: 0, named: "standard input") }
        guard let bytes = try contents(of: path) else { throw CommandProblem("there is no file '\(path)'") }
        return bytes
    }
}
