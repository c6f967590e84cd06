package import NIOCore
import Synchronization
package import WeirCore

/// An upstream registry in memory, for tests of all that pulls through.
///
/// It records its requests, fails on demand, sends bad content on demand, and can be held at a point until the test releases it.
/// So a test reaches every state between "asked" and "done" without sleeping.
package final class FakeUpstream: UpstreamRegistry {
    package enum Kind: Hashable, Sendable, CaseIterable { case resolve, manifest, blob, blobSize, referrers, tags, check }

    /// A recorded request.
    package struct Request: Sendable {
        package let kind: Kind
        package let source: UpstreamSource
        /// The requested tag or digest.
        package let reference: String
        /// The requested offset in a blob; 0 for other kinds.
        package let offset: Int64
        /// The requested length of a blob; nil for all from `offset` on, and for other kinds.
        package let length: Int64?
    }

    /// A flaw of a blob's content as it is sent.
    package enum Flaw: Sendable, Equatable {
        /// The byte at this offset is wrong.
        case wrongByte(at: Int64)
        /// The body ends, without an error, this many bytes early.
        case tooFew(Int64)
        /// The body goes on for this many bytes too many.
        case tooMany(Int64)
        /// The connection breaks at this offset, every time it is reached.
        case breaks(at: Int64)
        /// The connection breaks at this offset, the first time only.
        case breaksOnce(at: Int64)
    }

    private struct State {
        var manifests: [String: [String: UpstreamManifest]] = [:]
        var digests: [String: [String: Digest]] = [:]
        var blobs: [String: [Digest: ByteBuffer]] = [:]
        var requests: [Request] = []
        var failures: [Kind: [(error: UpstreamError, remaining: Int)]] = [:]
        var flaws: [Digest: Flaw] = [:]
        var servesRanges = true
        var tellsSizes = true
        var tellsDigests = true
        var chunk = 32 << 10
        var statuses: [String: UpstreamStatus] = [:]
    }

    package let host: String
    private let state = Mutex(State())
    private let gate = Gate()

    package init(host: String = "upstream.test") { self.host = host }

    // MARK: Its contents

    /// Adds a manifest under its digest and `tags`, which move to it.
    @discardableResult
    package func add(
        manifest: ByteBuffer, mediaType: String? = MediaType.ociManifest, to repository: String, tags: [String] = []
    ) -> Digest {
        let digest = Digest(of: manifest.readableBytesView)
        state.withLock { state in
            for reference in tags + [digest.description] {
                state.manifests[repository, default: [:]][reference] = UpstreamManifest(
                    bytes: manifest, mediaType: mediaType)
                state.digests[repository, default: [:]][reference] = digest
            }
        }
        return digest
    }

    @discardableResult
    package func add(blob: ByteBuffer, to repository: String) -> Digest {
        let digest = Digest(of: blob.readableBytesView)
        state.withLock { $0.blobs[repository, default: [:]][digest] = blob }
        return digest
    }

    /// An image of one layer and a configuration: the digests of the manifest and of the two blobs.
    @discardableResult
    package func addImage(
        to repository: String, tags: [String] = [], layer: ByteBuffer
    ) -> (manifest: Digest, config: Digest, layer: Digest) {
        let config = ByteBuffer(string: #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#)
        let configDigest = add(blob: config, to: repository)
        let layerDigest = add(blob: layer, to: repository)
        let manifest = """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociManifest)","config":{"mediaType":\
            "application/vnd.oci.image.config.v1+json","digest":"\(configDigest)","size":\(config.readableBytes)},\
            "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"\(layerDigest)",\
            "size":\(layer.readableBytes)}]}
            """
        return (add(manifest: ByteBuffer(string: manifest), to: repository, tags: tags), configDigest, layerDigest)
    }

    /// Removes a tag or a digest, which is then not found.
    package func remove(_ reference: String, from repository: String) {
        state.withLock { state in
            state.manifests[repository]?[reference] = nil
            state.digests[repository]?[reference] = nil
            if let digest = try? Digest(reference) { state.blobs[repository]?[digest] = nil }
        }
    }

    // MARK: Its requests

    package var requests: [Request] { state.withLock { $0.requests } }

    package func count(_ kind: Kind) -> Int { requests.count { $0.kind == kind } }

    /// Where the requests for this blob began.
    package func offsets(of digest: Digest) -> [Int64] {
        requests.filter { $0.kind == .blob && $0.reference == digest.description }.map(\.offset)
    }

    package func forgetRequests() { state.withLock { $0.requests = [] } }

    // MARK: Its misbehaviour

    /// Answers requests with an error: the next `times` of each of `kinds`, or all until `recover()`.
    package func fail(_ kind: UpstreamError.Kind, on kinds: [Kind] = Kind.allCases, times: Int = .max) {
        fail(UpstreamError(kind, host: host, "the test said so"), on: kinds, times: times)
    }

    package func fail(_ error: UpstreamError, on kinds: [Kind] = Kind.allCases, times: Int = .max) {
        state.withLock { state in
            for kind in kinds { state.failures[kind, default: []].append((error, times)) }
        }
    }

    /// Ends every failure and flaw.
    package func recover() {
        state.withLock { state in
            state.failures = [:]
            state.flaws = [:]
        }
    }

    package func spoil(_ digest: Digest, _ flaw: Flaw?) { state.withLock { $0.flaws[digest] = flaw } }

    /// Sends blobs from their beginning, whatever the requested offset.
    package func ignoreRanges() { state.withLock { $0.servesRanges = false } }
    /// Does not tell how long a blob is.
    package func hideSizes() { state.withLock { $0.tellsSizes = false } }
    /// Does not tell which digest a tag has.
    package func hideDigests() { state.withLock { $0.tellsDigests = false } }
    /// Sends so many bytes of a blob at a time.
    package func send(chunksOf bytes: Int) { state.withLock { $0.chunk = bytes } }

    // MARK: Holding it

    /// Requests of this kind wait before they are answered.
    package func hold(_ kind: Kind) { gate.change { $0.kinds.insert(kind) } }
    /// Blob bodies wait before the byte at `offset`. Called again with a higher offset, it lets them go on to there.
    package func holdBlobs(at offset: Int64) { gate.change { $0.offset = offset } }
    /// Releases everything.
    package func release() {
        gate.change { held in
            held.kinds = []
            held.offset = nil
        }
    }
    /// Returns when `count` requests or bodies are waiting.
    package func untilHeld(_ count: Int = 1) async throws { try await gate.untilHeld(count) }

    // MARK: The port

    package func resolve(
        _ reference: Reference, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamDescriptor {
        try await begin(.resolve, source, reference.description)
        let (digest, manifest, tells) = state.withLock {
            let name = reference.description
            return ($0.digests[source.repository]?[name], $0.manifests[source.repository]?[name], $0.tellsDigests)
        }
        guard let manifest else { throw notFound(reference.description, source) }
        return UpstreamDescriptor(digest: tells ? digest : nil, mediaType: manifest.mediaType)
    }

    package func manifest(
        _ reference: Reference, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamManifest {
        try await begin(.manifest, source, reference.description)
        let manifest = state.withLock { $0.manifests[source.repository]?[reference.description] }
        guard let manifest else { throw notFound(reference.description, source) }
        return manifest
    }

    package func blob(
        _ digest: Digest, range: UpstreamRange, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamBlob {
        try await begin(.blob, source, digest.description, range.offset, range.length)
        let (blob, flaw, servesRanges, tellsSizes, chunk) = state.withLock { state in
            let flaw = state.flaws[digest]
            // A range that ends before the break leaves it for the next request.
            if case .breaksOnce(let at) = flaw, at >= range.offset, range.length.map({ at < range.offset + $0 }) ?? true {
                state.flaws[digest] = nil
            }
            return (
                state.blobs[source.repository]?[digest], flaw, state.servesRanges, state.tellsSizes, state.chunk
            )
        }
        guard let blob else { throw notFound(digest.description, source) }
        let start = servesRanges ? range.offset : 0
        let count = Int64(blob.readableBytes)
        guard start <= count else {
            throw UpstreamError(.invalid, host: host, "the range begins after the end", status: 416)
        }
        let limit = servesRanges ? range.length.map { min(start + $0, count) } : nil
        let body = FakeBody(bytes: blob, flaw: flaw, start: start, limit: limit, chunk: chunk, host: host, gate: gate)
        return UpstreamBlob(
            size: tellsSizes ? count : nil, offset: start, body: body, validator: "\"\(digest)\"",
            servesRanges: servesRanges)
    }

    package func blobSize(
        _ digest: Digest, in source: UpstreamSource
    ) async throws(UpstreamError) -> Int64? {
        try await begin(.blobSize, source, digest.description)
        let (blob, tells) = state.withLock { ($0.blobs[source.repository]?[digest], $0.tellsSizes) }
        guard let blob else { throw notFound(digest.description, source) }
        return tells ? Int64(blob.readableBytes) : nil
    }

    /// The manifests of the repository that name this one as their subject.
    package func referrers(
        of digest: Digest, artifactType: String?, in source: UpstreamSource
    ) async throws(UpstreamError) -> [UpstreamReferrer] {
        try await begin(.referrers, source, digest.description)
        let held = state.withLock { $0.manifests[source.repository] ?? [:] }
        return held.filter { $0.key.contains(":") }.sorted { $0.key < $1.key }.compactMap { _, sent in
            guard let manifest = try? Manifest(sent.bytes, contentType: sent.mediaType),
                manifest.subject?.digest == digest, artifactType == nil || manifest.artifactType == artifactType
            else { return nil }
            return UpstreamReferrer(
                digest: manifest.digest, mediaType: manifest.mediaType, size: Int64(sent.bytes.readableBytes),
                artifactType: manifest.artifactType, annotations: manifest.annotations)
        }
    }

    package func tags(in source: UpstreamSource, limit: Int) async throws(UpstreamError) -> [Tag] {
        try await begin(.tags, source, "")
        let names = state.withLock { $0.manifests[source.repository]?.keys.sorted() }
        guard let names else { throw notFound("tags", source) }
        return Array(names.compactMap { try? Tag($0) }.prefix(limit))
    }

    package func check(_ source: UpstreamSource) async throws(UpstreamError) { try await begin(.check, source, "") }

    package func status(owner: String, host: String) -> UpstreamStatus? {
        state.withLock { $0.statuses["\(owner) \(host)"] }
    }

    /// Sets the answer of `status`.
    package func set(_ status: UpstreamStatus) {
        state.withLock { $0.statuses["\(status.owner) \(status.host)"] = status }
    }

    /// Records the request, then holds it or fails it where the test says so.
    private func begin(
        _ kind: Kind, _ source: UpstreamSource, _ reference: String, _ offset: Int64 = 0, _ length: Int64? = nil
    ) async throws(UpstreamError) {
        state.withLock {
            $0.requests.append(
                Request(kind: kind, source: source, reference: reference, offset: offset, length: length))
        }
        do {
            try await gate.pass { $0.kinds.contains(kind) }
        } catch {
            throw UpstreamError(.unavailable, host: host, "nobody waits for the answer any more")
        }
        let failure = state.withLock { state -> UpstreamError? in
            guard var queue = state.failures[kind], !queue.isEmpty else { return nil }
            defer { state.failures[kind] = queue }
            let error = queue[0].error
            queue[0].remaining -= 1
            if queue[0].remaining == 0 { queue.removeFirst() }
            return error
        }
        if let failure { throw failure }
    }

    private func notFound(_ reference: String, _ source: UpstreamSource) -> UpstreamError {
        UpstreamError(.notFound, host: host, "\(source.repository) has no \(reference)", status: 404)
    }
}
