/// An upstream registry, as the pull through cache uses it. Its answers are untrusted until a digest is checked: the driver
/// bounds them (sizes, times, redirects) and the caller verifies them.
///
/// The driver also spares the upstream: it keeps to the rule's `UpstreamLimits`, waits when upstream has answered 429, and fails
/// at once, with the last real failure, while the upstream is known to be down.
package protocol UpstreamRegistry: Sendable {
    /// Asks by HEAD for a manifest's current digest. Costs no pull at Docker Hub. A nil digest means that upstream did not say:
    /// then ask for the manifest.
    func resolve(_ reference: Reference, in source: UpstreamSource) async throws(UpstreamError) -> UpstreamDescriptor

    /// The manifest's bytes, exactly as sent, at most 4 MiB. Not verified.
    func manifest(_ reference: Reference, in source: UpstreamSource) async throws(UpstreamError) -> UpstreamManifest

    /// The blob's bytes in `range`, or all of them if upstream does not serve ranges or the blob has changed
    /// (`UpstreamBlob.offset` is then 0). Returns with the response head, so that a refusal is known before a client is answered.
    func blob(
        _ digest: Digest, range: UpstreamRange, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamBlob

    /// Asks by HEAD whether the upstream repository has the blob. Returns its size if upstream states it.
    func blobSize(_ digest: Digest, in source: UpstreamSource) async throws(UpstreamError) -> Int64?

    /// The manifests whose subject is `digest`: from the referrers API, or from the tag `sha256-…` if upstream has no such API.
    /// All of them, up to a bound that no real image reaches; of one artifact type if one is given. Not verified.
    func referrers(
        of digest: Digest, artifactType: String?, in source: UpstreamSource
    ) async throws(UpstreamError) -> [UpstreamReferrer]

    /// The repository's tags in upstream's order, all pages, at most `limit`. Names that are not valid tags are left out.
    func tags(in source: UpstreamSource, limit: Int) async throws(UpstreamError) -> [Tag]

    /// Connects and logs in, nothing more. Throws with the `step` that failed. Ignores the circuit breaker and tokens of earlier
    /// logins.
    func check(_ source: UpstreamSource) async throws(UpstreamError)

    /// The history of one host under one rule; nil if it was not asked yet.
    func status(owner: String, host: String) -> UpstreamStatus?
}

extension UpstreamRegistry {
    /// The blob's bytes from `offset` on.
    package func blob(
        _ digest: Digest, from offset: Int64, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamBlob {
        try await blob(digest, range: .from(offset), in: source)
    }
}
