package import WeirUpstream

/// What to do about a server that cannot be reached.
package struct ServerAdvice: Sendable {
    private let server: String
    private let scheme: String
    private let host: String

    /// - Parameters:
    ///   - server: the URL without a path: `https://registry.example:5050`.
    ///   - scheme: `http` or `https`.
    ///   - host: with the port, if one was given.
    package init(server: String, scheme: String, host: String) {
        self.server = server
        self.scheme = scheme
        self.host = host
    }

    /// What happened, and what to do next.
    package func problem(_ failure: ConnectionFailure) -> CommandProblem {
        CommandProblem("the server at \(server) cannot be asked: \(failure.words). \(advice(failure.cause))")
    }

    /// The answer is not Weir's. A status of 400 over HTTP may come from a TLS port.
    package func isNoWeir(status: UInt) -> CommandProblem {
        let next = scheme == "http" && status == 400 ? advice(.closed) : "--endpoint names the server's URL"
        return CommandProblem("what answers at \(server) is no Weir (status \(status)). \(next)")
    }

    private func advice(_ cause: ConnectionFailure.Cause) -> String {
        switch cause {
        case .name: "Is the name right? --endpoint names the server's URL"
        case .connection: "Is it running? --endpoint names another URL"
        case .speaksNoTLS: "Say --endpoint http://\(host)"
        case .untrusted:
            "--ca FILE names the authority that signed it; a server that made its own has it in DATA/tls/ca.crt (--data DATA)"
        case .otherName: "Say a name that stands in it: --endpoint"
        case .closed where scheme == "http": "Does it speak TLS? Say --endpoint https://\(host)"
        case .closed, .other: "Is it a Weir? --endpoint names the server's URL"
        }
    }
}
