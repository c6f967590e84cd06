import AsyncHTTPClient
import NIOCore
import NIOHTTP1
package import WeirCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension RegistryClient {
    /// Bounds for lists that a stranger's server could make endless (GHSA-vfp6-jrw2-99g9).
    private static let maxPages = 200
    private static let maxReferrers = 10_000
    /// A whole list may take so long: each of two hundred slow pages would else have its own time.
    private static let patience: Duration = .seconds(180)
    /// Of their types and annotations together.
    private static let maxReferrerBytes = 8 * 1024 * 1024

    package func referrers(
        of digest: Digest, artifactType: String?, in source: UpstreamSource
    ) async throws(UpstreamError) -> [UpstreamReferrer] {
        let query = artifactType.map { [(name: "artifactType", value: $0)] } ?? []
        var found: [UpstreamReferrer] = []
        var bytes = 0
        let isKnown = try await pages(
            of: "referrers/\(digest)", query, noun: "the referrers of \(digest)", in: source, isMissing: Self.lacksReferrersAPI
        ) { page, _ throws(UpstreamError) in
            found += page.referrers
            bytes += page.referrers.map(\.bytes).total
            guard bytes <= Self.maxReferrerBytes else {
                throw UpstreamError(.invalid, host: source.host, "it sent more than \(Self.maxReferrerBytes) bytes of referrers")
            }
            return found.count < Self.maxReferrers
        }
        if !isKnown { found = try await referrersByTag(of: digest, in: source) }
        var seen: Set<Digest> = []
        return found.prefix(Self.maxReferrers).filter {
            (artifactType == nil || $0.artifactType == artifactType) && seen.insert($0.digest).inserted
        }
    }

    package func tags(in source: UpstreamSource, limit: Int) async throws(UpstreamError) -> [Tag] {
        var tags: [Tag] = []
        let size = min(max(limit, 1), 1000)
        let isKnown = try await pages(of: "tags/list", [(name: "n", value: "\(size)")], noun: "the list of tags", in: source) {
            page, _ throws(UpstreamError) in
            tags += (page.tags ?? []).compactMap { try? Tag($0) }
            return tags.count < limit
        }
        guard isKnown else {
            throw UpstreamError(.notFound, host: source.host, "it does not have the list of tags", status: 404)
        }
        return Array(tags.prefix(limit))
    }

    /// Registries without the API say so in many ways: any no of their own but a limit or an outage, another host's answer, a web page.
    private static func lacksReferrersAPI(_ answer: Answer) -> Bool {
        guard answer.isFromUpstreamItself else { return answer.status != 200 }
        switch answer.status {
        case 200: return answer.mediaType == "text/html"
        case 429: return false
        case 500...: return answer.status == 501
        default: return true
        }
    }

    /// OCI 1.1, "Referrers Tag Schema": an index under the tag `sha256-…`, where the registry has no API for it. No such tag: none.
    private func referrersByTag(
        of digest: Digest, in source: UpstreamSource
    ) async throws(UpstreamError) -> [UpstreamReferrer] {
        // The rule cuts a digest of sha512 to fit into a tag.
        guard let tag = try? Tag("\(digest.algorithm.rawValue.prefix(32))-\(digest.hex.prefix(64))") else { return [] }
        do throws(UpstreamError) {
            let index = try await manifest(.tag(tag), in: source)
            // Some registries answer such a tag with the subject itself, and others have a plain image under it: neither is a list of referrers.
            guard Digest(of: index.bytes.readableBytesView, digest.algorithm) != digest,
                let manifest = try? Manifest(index.bytes, contentType: index.mediaType), case .index = manifest.shape
            else { return [] }
            return ListPage(index.bytes)?.referrers ?? []
        } catch {
            // Of a tag that is not there some hosts say what they say of a login that does not count.
            let isHidden = try guarding.upstream(for: source).hidesUnknownNames && error.kind == .denied
            guard error.kind == .notFound || isHidden else { throw error }
            return []
        }
    }

    /// Hands the pages of a list to `take` for as long as it wants more. False where upstream has no such list.
    private func pages(
        of path: String, _ query: [(name: String, value: String)], noun: String, in source: UpstreamSource,
        isMissing: (Answer) -> Bool = { [400, 404, 405, 501].contains($0.status) },
        _ take: (ListPage, Answer) throws(UpstreamError) -> Bool
    ) async throws(UpstreamError) -> Bool {
        let upstream = try guarding.upstream(for: source)
        var url = upstream.base.appending("/v2/\(source.repository)/\(path)")
        if !query.isEmpty { url = url.adding(query) }
        var visited: Set<String> = []
        let end = ContinuousClock.now + Self.patience
        while visited.count < Self.maxPages, visited.insert(url.wire).inserted {
            let (answer, login) = try await ask(
                .get, at: url, ["Accept": MediaType.ociIndex + ", application/json"], of: upstream, in: source)
            if visited.count == 1, isMissing(answer) {
                await answer.drain()
                return false
            }
            guard answer.status == 200 else { throw await verdict.error(for: answer, asking: noun, login: login) }
            let bytes = try await document(answer, upTo: Manifest.maxBytes, as: noun)
            guard let page = ListPage(bytes) else { throw upstream.error(.invalid, "it sent something else as \(noun)") }
            guard try take(page, answer), let next = try Self.next(after: answer) else { return true }
            guard ContinuousClock.now < end else {
                throw upstream.error(.unavailable, "\(noun) does not come to its end in time")
            }
            url = next
        }
        throw upstream.error(.invalid, "\(noun) has no end")
    }

    /// `Link: </v2/…?last=…>; rel="next"` (RFC 8288). It may lead nowhere but to the same server: the login goes along.
    private static func next(after answer: Answer) throws(UpstreamError) -> OutboundURL? {
        for header in answer.response.headers["link"] {
            for link in header.split(separator: ",") where link.contains("rel=\"next\"") || link.contains("rel=next") {
                guard let open = link.firstIndex(of: "<"), let close = link.lastIndex(of: ">"), open < close else { continue }
                let target = String(link[link.index(after: open)..<close])
                guard let url = try? answer.url.resolving(target), url.origin == answer.upstream.base.origin else {
                    throw answer.upstream.error(.guarded, "the next page of its list is on another server")
                }
                return url
            }
        }
        return nil
    }
}

extension UpstreamReferrer {
    /// What it takes in memory, but for its digest.
    fileprivate var bytes: Int {
        mediaType.utf8.count + (artifactType?.utf8.count ?? 0) + annotations.map { $0.key.utf8.count + $0.value.utf8.count }.total
    }
}

/// A page of tags or of referrers: the two documents have no member in common.
private struct ListPage: Decodable {
    var tags: [String]?
    var manifests: [Entry]?

    struct Entry: Decodable {
        var mediaType: String?
        var digest: String
        var size: Int64?
        var artifactType: String?
        var annotations: [String: Text]?
    }

    /// A string, or something else that is passed over.
    struct Text: Decodable {
        var value: String?

        init(from decoder: any Decoder) throws { value = try? decoder.singleValueContainer().decode(String.self) }
    }

    init?(_ bytes: ByteBuffer) {
        guard let page = try? JSONDecoder().decode(Self.self, from: Data(bytes.readableBytesView)) else { return nil }
        self = page
    }

    /// What is no digest is left out.
    var referrers: [UpstreamReferrer] {
        (manifests ?? []).compactMap { entry in
            guard let digest = try? Digest(entry.digest) else { return nil }
            return UpstreamReferrer(
                digest: digest, mediaType: entry.mediaType ?? MediaType.ociManifest,
                size: ByteCount(clamping: entry.size ?? 0).bytes,
                artifactType: entry.artifactType, annotations: (entry.annotations ?? [:]).compactMapValues(\.value))
        }
    }
}
