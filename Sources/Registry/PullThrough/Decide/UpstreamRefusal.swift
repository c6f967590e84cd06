import WeirCore

extension CacheRule {
    /// The name of the secret with upstream's login, from the rule's ARN.
    var secretName: String? {
        credentialARN.map { arn in arn.firstRange(of: ":secret:").map { String(arn[$0.upperBound...]) } ?? arn }
    }
}

extension Refusal {
    /// Why a pull through failed, for the client: it says "not found" only where upstream said so.
    ///
    /// - Parameters:
    ///   - asking: what was asked for: "the tag latest", "library/nginx:1.27".
    ///   - secret: the name of the secret with the login that upstream was sent.
    init(upstream error: any Error, asking: String, secret: String? = nil) {
        switch error {
        case let refusal as Refusal: self = refusal
        case let error as UpstreamError:
            self.init(error, asking: asking, secret: secret)
            brief = "upstream \(error)\(error.pause)"
        case let error as BlobStoreError: self.init(error)
        case let error as SQLError where error.isFull:
            self.init(.storageFull, "The server has no room to store this. Free some, then try again")
        case is CancellationError:
            self.init(.shuttingDown, "The server is stopping. Try again in a moment", retryAfter: .seconds(5))
        default:
            self.init(
                .upstreamUnavailable, "The pull of \(asking) from upstream was interrupted. Try again",
                facts: ["error": "\(error)"])
        }
    }

    private init(_ error: UpstreamError, asking: String, secret: String?) {
        var facts = ["upstream.host": error.host, "upstream.detail": error.detail]
        if let status = error.status { facts["upstream.status"] = "\(status)" }
        switch error.kind {
        case .denied:
            // The secret is named only where its login is what was refused.
            let isOfLogin = error.denial == nil || error.denial == .login || error.denial == .right
            let login = isOfLogin ? secret.map { ". The login is that of the rule's secret \($0)" } : nil
            self.init(.upstreamDenied, "\(Self.denied(error.denial, asking)) (\(error))" + (login ?? ""), facts: facts)
        case .notFound:
            self.init(
                .imageNotFound, "Requested image not found: \(asking) is not at its upstream registry \(error.host)", facts: facts
            )
        case .rateLimited:
            self.init(
                .upstreamRateLimited,
                "The upstream registry refused \(asking) because of too many requests (\(error)\(error.pause))",
                retryAfter: error.retryAfter, facts: facts)
        case .unavailable:
            self.init(
                .upstreamUnavailable, "The upstream registry could not be asked for \(asking) (\(error))",
                retryAfter: error.retryAfter, facts: facts)
        case .invalid:
            self.init(
                .upstreamInvalid, "The upstream registry's answer for \(asking) makes no sense (\(error))",
                facts: facts)
        case .guarded:
            self.init(
                .upstreamDenied, "This server refuses to follow the upstream registry for \(asking) (\(error))",
                facts: facts)
        }
    }

    /// ECR's sentence where a login was refused. Where no login was sent, or something else was refused, the sentence must not
    /// blame the login.
    private static func denied(_ denial: UpstreamError.Denial?, _ asking: String) -> String {
        switch denial {
        case .login, nil:
            "The authentication to the upstream registry failed. Verify that the credentials are valid and that the repository exists"
        case .right:
            "The upstream registry refused \(asking). Verify that the repository exists and that the rule's login may read it"
        case .stranger:
            "The upstream registry refused \(asking) without a login. Verify that the repository exists, and give the rule a secret "
                + "where it is private"
        case .block:
            "The upstream registry is closed to this server, whatever its login: \(asking) was refused by what stands in front of it"
        case .elsewhere: "A host that the upstream registry sends to refused \(asking)"
        }
    }
}

extension UpstreamError {
    /// How long upstream is left alone, where it has just asked for it, in words: a header with the same may be cut short. Later
    /// refusals say it in their own text.
    fileprivate var pause: String {
        guard kind == .rateLimited, wasAsked, let retryAfter else { return "" }
        let longest: Int64 = saidElsewhere == nil ? 3_600 : 60
        let seconds = min(longest, max(1, retryAfter.microseconds.adding(999_999) / 1_000_000))
        return "; it is not asked again for \(seconds) s"
    }
}
