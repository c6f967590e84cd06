import Synchronization
import WeirCore

/// Tells which requests belong to one pull, so that a pull counts once: by its first request.
///
/// ```
/// docker, ctr, BuildKit   HEAD tag, GET digest, GET digest of the platform's manifest
/// podman, skopeo          GET tag, GET digest of the platform's manifest
/// by digest               (HEAD digest,) GET digest, GET digest of the platform's manifest
/// ```
///
/// A request by digest belongs to the same client's pull in the same repository whose last request came less than 60 s before.
/// So does a GET for the tag that the client has just asked about by HEAD. One address counts as one client: where two clients
/// behind it pull an image by digest at the same time, they count once.
final class PullsUnderWay: Sendable {
    /// A client in a repository, as a hash of both, since one is made for every pull. Two clients share a hash once in 2^63,
    /// which costs a count.
    struct Client: Hashable {
        private let hash: Int

        init(address: String, registry: RegistryID, name: RepositoryName) {
            var hasher = Hasher()
            hasher.combine(address)
            hasher.combine(registry)
            hasher.combine(name)
            hash = hasher.finalize()
        }
    }

    private struct Pull {
        let began: Reference
        var lastAsked: Timestamp
        /// Whether `began` has been asked for by GET; else only by HEAD.
        var wasGot: Bool

        /// Notes the request and returns true where it belongs to this pull.
        mutating func takes(_ reference: Reference, isHead: Bool, at now: Timestamp) -> Bool {
            let age = now - lastAsked
            guard age > .seconds(-1), age < PullsUnderWay.patience else { return false }
            if reference == began {
                // Asked again in the same way, or looked at after it was fetched: that is another pull.
                guard !wasGot, !isHead else { return false }
                wasGot = true
            } else if case .tag = reference {
                return false
            }
            lastAsked = now
            return true
        }
    }

    /// The longest time between two requests of one pull.
    private static let patience = Duration.seconds(60)

    private let pulls = Mutex(BoundedMap<Client, Pull>(capacity: 4_096))

    /// Whether the request begins a pull. False where it belongs to one.
    ///
    /// - Parameter isHead: a HEAD.
    func begins(_ reference: Reference, isHead: Bool, by client: Client, at now: Timestamp) -> Bool {
        pulls.withLock { pulls in
            if var pull = pulls[client], pull.takes(reference, isHead: isHead, at: now) {
                pulls[client] = pull
                return false
            }
            pulls[client] = Pull(began: reference, lastAsked: now, wasGot: !isHead)
            return true
        }
    }
}
