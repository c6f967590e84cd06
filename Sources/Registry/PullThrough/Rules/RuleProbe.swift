import WeirCore

/// Harmless questions to a rule's upstream, by whose answers a good login is told from a bad one.
///
/// First it connects and logs in. Then it asks by HEAD, which no upstream counts as a pull, for a manifest: where an upstream has
/// a public image that every login may read, for that, because Docker Hub, GitHub, GitLab and Quay answer a name that does not
/// exist as they answer a bad login; at ECR and Azure for an image that is not there, as "not found" is the answer to a login
/// that was taken. Of other registries nobody knows what they say to a name that does not exist: there the login alone counts.
struct RuleProbe {
    let rule: CacheRule
    let credential: UpstreamCredential?
    /// Whose rule it is.
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
        // Whoever is denied at the question was let in at the door: it is the login all the same that does not do.
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

    /// It may be there or not: either answer shows that the login was taken.
    private static let latest: Tag = {
        guard let tag = try? Tag("latest") else { preconditionFailure("latest is a tag") }
        return tag
    }()
}
