/// Someone else's registry, as the pull through cache sees it. What comes from there is hostile until its digest is checked:
/// the driver bounds it (sizes, times, redirects) and the caller verifies it.
///
/// The driver also spares upstream: it asks no more than the rule's `UpstreamLimits` allow, waits where upstream said "too many",
/// and does not ask one that has just proved to be dead. Such a "no" is as quick as it is true: it names the last real failure.
package protocol UpstreamRegistry: Sendable {
    /// Asks by HEAD which digest a manifest has now. Costs no pull at Docker Hub. A digest of nil means that upstream did not
    /// say: ask for the manifest.
    func resolve(_ reference: Reference, in source: UpstreamSource) async throws(UpstreamError) -> UpstreamDescriptor

    /// The manifest's bytes, exactly as sent, at most 4 MiB. Not verified.
    func manifest(_ reference: Reference, in source: UpstreamSource) async throws(UpstreamError) -> UpstreamManifest

    /// The blob's bytes in `range`, or all of them where upstream does not serve ranges or the blob has changed
    /// (`UpstreamBlob.offset` is then 0). Returns when the response head is there, so that "no" is known before anyone is
    /// answered.
    func blob(
        _ digest: Digest, range: UpstreamRange, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamBlob

    /// Asks by HEAD whether this repository upstream has the blob, and its size where told.
    func blobSize(_ digest: Digest, in source: UpstreamSource) async throws(UpstreamError) -> Int64?

    /// The manifests that say something about this one: by the referrers API, or by the tag `sha256-…` where upstream has no such
    /// API. All of them, up to a bound that no honest image reaches; of one artifact type where one is given. Not verified.
    func referrers(
        of digest: Digest, artifactType: String?, in source: UpstreamSource
    ) async throws(UpstreamError) -> [UpstreamReferrer]

    /// The repository's tags in upstream's order, all pages, at most `limit`. What is no tag by the grammar is left out.
    func tags(in source: UpstreamSource, limit: Int) async throws(UpstreamError) -> [Tag]

    /// Connects and logs in, and asks for nothing else. Throws with the `step` that failed. Neither the circuit breaker nor a
    /// token held from before has a say in it.
    func check(_ source: UpstreamSource) async throws(UpstreamError)

    /// How it went with one host in one rule's name so far; nil where nothing was asked.
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
