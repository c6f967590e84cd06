import WeirCore

/// What a helper program answers: text for its standard output and its standard error, and whether it succeeded.
package struct HelperAnswer: Sendable, Equatable {
    package let output: String
    package let remark: String
    package let isSuccess: Bool

    package init(output: String, remark: String = "", isSuccess: Bool = true) {
        self.output = output
        self.remark = remark
        self.isSuccess = isSuccess
    }
}

/// docker's credential helper protocol: an action as the program's argument, the host on standard input, the answer on standard
/// output, errors too.
package struct CredentialHelper: Sendable {
    /// What docker, podman and BuildKit know as "this helper has none", and go on without a login.
    package static let none = "credentials not found in native keychain"
    /// In bytes: more than any host, or than what `store` is given.
    package static let maxInput = 128 << 10
    private static let schemes = ["https://", "http://"]
    /// What older clients put behind the host.
    private static let paths = ["/", "/v1", "/v1/", "/v2", "/v2/"]

    private let hosts: @Sendable () throws(CommandProblem) -> RegistryHosts
    private let signIn: RegistrySignIn

    /// - Parameter hosts: read only where the action wants them.
    package init(_ hosts: @escaping @Sendable () throws(CommandProblem) -> RegistryHosts, _ signIn: RegistrySignIn) {
        self.hosts = hosts
        self.signIn = signIn
    }

    /// - Parameter input: standard input, read where the action has one.
    package func answer(_ action: String, input: [UInt8]) async -> HelperAnswer {
        do {
            switch action {
            case "get": return try await get(input)
            case "list": return HelperAnswer(output: list(try hosts()))
            // There is nothing to keep: passwords are asked for when they are wanted.
            case "store", "erase": return HelperAnswer(output: "")
            default:
                return HelperAnswer(
                    output: "unknown action \(Quoted.text(action)): there are get, list, store and erase\n", isSuccess: false)
            }
        } catch { return HelperAnswer(output: "\(error)\n", isSuccess: false) }
    }

    private func get(_ input: [UInt8]) async throws -> HelperAnswer {
        guard let name = Self.host(of: input), let host = try hosts()[name] else {
            return HelperAnswer(output: "\(Self.none)\n", isSuccess: false)
        }
        let password = try await signIn.password(for: host)
        let answer: JSONValue = [
            "ServerURL": .string(host.name), "Username": .string(password.user), "Secret": .string(password.password),
        ]
        return HelperAnswer(output: answer.text + "\n")
    }

    private func list(_ hosts: RegistryHosts) -> String {
        JSONValue.object([String: JSONValue](uniqueKeysWithValues: hosts.all.map { ($0.name, "AWS") })).text + "\n"
    }

    /// The host of a line: as docker writes it, or a URL of it as older clients do. Nil for anything else, of whatever kind.
    static func host(of input: [UInt8]) -> String? {
        var line = input[...]
        if line.last == 0x0a { line = line.dropLast() }
        if line.last == 0x0d { line = line.dropLast() }
        guard line.count <= 1_000, line.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
        var host = String(decoding: line, as: UTF8.self)[...]
        if let scheme = schemes.first(where: { host.hasPrefix($0) }) { host = host.dropFirst(scheme.count) }
        if let slash = host.firstIndex(of: "/") {
            guard paths.contains(String(host[slash...])) else { return nil }
            host = host[..<slash]
        }
        return String(host)
    }
}
