package import WeirCore

/// What trying out a cache rule showed.
package struct RuleValidation: Sendable {
    package let rule: CacheRule
    /// Why it will not work; nil where it will.
    package let failure: String?

    package var isValid: Bool { failure == nil }
}

/// One harmless question to a rule's upstream, by whose answer a good login is told from a bad one.
///
/// It asks by HEAD, which no upstream counts as a pull, for a manifest. Where an upstream has a public image that every login may
/// read, it asks for that: Docker Hub, GitHub, GitLab and Quay answer a name that does not exist as they answer a bad login.
/// Elsewhere it asks for an image that is not there: "not found" is the answer to a login that was taken.
struct RuleProbe {
    let rule: CacheRule
    let credential: UpstreamCredential?

    /// Why the rule will not work, or nil.
    func failure(asking upstream: any UpstreamRegistry) async -> String? {
        do throws(UpstreamError) {
            _ = try await upstream.resolve(.tag(Self.latest), in: source)
            return nil
        } catch {
            switch error.kind {
            case .notFound: return nil
            case .denied:
                return credential == nil
                    ? "The upstream registry denied access without a login. Details: \(error)"
                    : "The authentication to the upstream registry failed. Verify that the credentials in the secret are valid "
                        + "and try again. Details: \(error)"
            case .rateLimited:
                return "The upstream registry is limiting the rate of requests. Try again later. Details: \(error)"
            case .unavailable: return "The upstream registry could not be reached. Details: \(error)"
            case .invalid: return "The upstream registry did not answer as a registry does. Details: \(error)"
            case .guarded: return "The upstream registry may not be asked from here. Details: \(error)"
            }
        }
    }

    private var source: UpstreamSource {
        // An owner of its own: a token that an earlier, good login left behind must not vouch for this one.
        UpstreamSource(
            host: rule.upstreamURL, repository: repository, credential: credential,
            owner: "validation-\(UInt64.random(in: .min ... .max))")
    }

    private var repository: String {
        switch rule.kind {
        case .dockerHub: "library/hello-world"
        case .ecrPublic: "docker/library/hello-world"
        case .kubernetes: "pause"
        case .gitLab: "gitlab-org/gitlab-runner"
        case .chainguard: "chainguard/static"
        case .gitHub: "actions/actions-runner"
        case .quay: "quay/busybox"
        case .ecr, .azure: "weir/validation"
        }
    }

    /// It may be there or not: either answer shows that the login was taken.
    private static let latest: Tag = {
        guard let tag = try? Tag("latest") else { preconditionFailure("latest is a tag") }
        return tag
    }()
}
