import WeirCore

/// Harmless requests to a rule's upstream, whose answers tell a good login from a bad one.
///
/// First it connects and logs in. Then it asks for a manifest by HEAD, which no upstream counts as a pull. Docker Hub, GitHub,
/// GitLab and Quay answer a name that does not exist as they answer a bad login: there it asks for a public image that every
/// login may read. ECR and Azure say "not found" to a good login: there it asks for an image that does not exist. How other
/// registries answer an unknown name is not known: there the login alone counts.
struct RuleProbe {
    let rule: CacheRule
    let credential: UpstreamCredential?
    /// The account of the rule.
    let account: AccountID

    /// Why the rule will not work, or nil.
    func failure(asking upstream: any UpstreamRegistry) async -> RuleValidation.Failure? {
        let source = source
        do throws(UpstreamError) {
            try await upstream.check(source)
        } catch {
            return failure(error)
        }
        guard rule.kind != .other else { return nil }
        do throws(UpstreamError) {
            _ = try await upstream.resolve(.tag(Self.latest), in: source)
            return nil
        } catch {
            return error.kind == .notFound ? nil : failure(error)
        }
    }

    private func failure(_ error: UpstreamError) -> RuleValidation.Failure {
        // The login was accepted and the request denied: what has to be changed is the login all the same.
        let isLogin = error.kind == .denied && error.denial != .block
        let step = isLogin ? .login : RuleValidation.Step(error.step)
        return RuleValidation.Failure(step: step, message: message(error))
    }

    private func message(_ error: UpstreamError) -> String {
        switch error.kind {
        case .denied where error.denial == .block:
            "The upstream registry is closed to this server, whatever its login. Details: \(error)"
        case .denied where error.denial == .right:
            "The upstream registry took the login for authentication and refused what was asked for. Verify that it may pull. Details: \(error)"
        case .denied:
            credential == nil
                ? "The upstream registry denied access without a login. Details: \(error)"
                : "The authentication to the upstream registry failed. Verify that the credentials in the secret are valid "
                    + "and try again. Details: \(error)"
        case .rateLimited:
            "The upstream registry is limiting the rate of requests. Try again later. Details: \(error)"
        case .unavailable: "The upstream registry could not be reached. Details: \(error)"
        case .invalid: "The upstream registry did not answer as a registry does. Details: \(error)"
        case .guarded: "The upstream registry may not be asked from here. Details: \(error)"
        case .notFound: "The upstream registry has no registry API at this address. Details: \(error)"
        }
    }

    private var source: UpstreamSource {
        rule.source(of: repository, with: credential, owner: "validation", account: account, .interactive).onTrial()
    }

    private var repository: String { rule.kind.vendor?.probe ?? "" }

    /// The tag may exist or not: either answer shows that the login was accepted.
    private static let latest: Tag = {
        guard let tag = try? Tag("latest") else { preconditionFailure("latest is a tag") }
        return tag
    }()
}
