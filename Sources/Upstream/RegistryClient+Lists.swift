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
    /// Bounds for lists that a hostile server could make endless (GHSA-vfp6-jrw2-99g9).
    private static let maxPages = 200
    private static let maxReferrers = 10_000
    /// A list ends after this many pages in a row without a new entry.
    private static let idlePages = 3
    /// Time for a whole list: without it each of 200 slow pages would have its own time-out.
    private static let patience: Duration = .seconds(180)
    /// Bound on the types and annotations of all referrers together.
    private static let maxReferrerBytes = 8 * 1024 * 1024

    package func referrers(
        of digest: Digest, artifactType: String?, in source: UpstreamSource
    ) async throws(UpstreamError) -> [UpstreamReferrer] {
        let query = artifactType.map { [(name: "artifactType", value: $0)] } ?? []
        var found: [UpstreamReferrer] = []
        var seen: Set<Digest> = []
        var bytes = 0
        let isKnown = try await pages(
            of: "referrers/\(digest)", query, noun: "the referrers of \(digest)", in: source, isMissing: Self.lacksReferrersAPI
        ) { page, _ throws(UpstreamError) in
            let new = page.referrers.filter { seen.insert($0.digest).inserted }
            found += new
            bytes += new.map(\.bytes).total
            guard bytes <= Self.maxReferrerBytes else {
                throw UpstreamError(.invalid, host: source.host, "it sent more than \(Self.maxReferrerBytes) bytes of referrers")
            }
            return found.count < Self.maxReferrers ? .more(isNews: !new.isEmpty) : .enough
        }
        if !isKnown {
            var seen: Set<Digest> = []
            found = try await referrersByTag(of: digest, in: source).filter { seen.insert($0.digest).inserted }
        }
        return found.prefix(Self.maxReferrers).filter { artifactType == nil || $0.artifactType == artifactType }
    }

    package func tags(in source: UpstreamSource, limit: Int) async throws(UpstreamError) -> [Tag] {
        var tags: [Tag] = []
        var seen: Set<Tag> = []
        var isRefused = false
        let size = min(max(limit, 1), 1000)
        // Some registries refuse `n`: those are asked without it.
        let queries: [[(name: String, value: String)]] = [[(name: "n", value: "\(size)")], []]
        for query in queries {
            let isKnown = try await pages(
                of: "tags/list", query, noun: "the list of tags", in: source,
                isMissing: { answer in
                    isRefused = [400, 405].contains(answer.status)
                    return [400, 404, 405, 501].contains(answer.status)
                }
            ) { page, _ throws(UpstreamError) in
                let new = page.tags.filter { seen.insert($0).inserted }
                tags += new
                return tags.count < limit ? .more(isNews: !new.isEmpty) : .enough
            }
            if isKnown { return Array(tags.prefix(limit)) }
            guard isRefused else { break }
        }
        throw UpstreamError(.notFound, host: source.host, "it does not have the list of tags", status: 404)
    }

    /// Registries without the API say so in many ways: by any refusal of their own but a 429 or an outage, by another host's
    /// answer, or by a web page.
    private static func lacksReferrersAPI(_ answer: Answer) -> Bool {
        guard answer.isFromUpstreamItself else { return answer.status != 200 }
        switch answer.status {
        case 200: return answer.mediaType == "text/html"
        case 429: return false
        case 500...: return answer.status == 501
        default: return true
        }
    }

    /// OCI 1.1, "Referrers Tag Schema": where the registry has no API, an index under the tag `sha256-…` lists the referrers.
    /// Without that tag there are none.
    private func referrersByTag(
        of digest: Digest, in source: UpstreamSource
    ) async throws(UpstreamError) -> [UpstreamReferrer] {
        // The specification cuts a digest of sha512 to fit into a tag.
        guard let tag = try? Tag("\(digest.algorithm.rawValue.prefix(32))-\(digest.hex.prefix(64))") else { return [] }
        do throws(UpstreamError) {
            let index = try await manifest(.tag(tag), in: source)
            // Some registries answer such a tag with the subject itself, and others have a plain image under it: neither is a
            // list of referrers.
            guard Digest(of: index.bytes.readableBytesView, digest.algorithm) != digest,
                let manifest = try? Manifest(index.bytes, contentType: index.mediaType), case .index = manifest.shape
            else { return [] }
            return ListPage(index.bytes)?.referrers ?? []
        } catch {
            // Some hosts answer for a missing tag as they do for a refused login.
            let isHidden = try guarding.upstream(for: source).hidesUnknownNames && error.kind == .denied
            guard error.kind == .notFound || isHidden else { throw error }
            return []
        }
    }

    /// What to do with a list after a page.
    private enum Appetite {
        case enough
        case more(isNews: Bool)
    }

    /// Hands the pages of a list to `take` for as long as it wants more. False where upstream has no such list.
    private func pages(
        of path: String, _ query: [(name: String, value: String)], noun: String, in source: UpstreamSource,
        isMissing: (Answer) -> Bool, _ take: (ListPage, Answer) throws(UpstreamError) -> Appetite
    ) async throws(UpstreamError) -> Bool {
        let upstream = try guarding.upstream(for: source)
        let place = upstream.base.appending("/v2/\(source.repository)/\(path)")
        var url = query.isEmpty ? place : place.adding(query)
        var visited: Set<String> = [url.wire]
        var idle = 0
        let end = ContinuousClock.now + Self.patience
        for number in 1...Self.maxPages {
            let (answer, login) = try await ask(
                .get, at: url, ["Accept": MediaType.ociIndex + ", application/json"], of: upstream, in: source)
            if number == 1, isMissing(answer) {
                await answer.drain()
                return false
            }
            guard answer.status == 200 else { throw await classifier.error(for: answer, asking: noun, login: login) }
            let bytes = try await document(answer, upTo: Manifest.maxBytes, as: noun)
            guard let page = ListPage(bytes) else { throw upstream.error(.invalid, "it sent something else as \(noun)") }
            guard case .more(let isNews) = try take(page, answer) else { return true }
            idle = isNews ? 0 : idle + 1
            // A link that leads in a circle ends the list, and so do pages without a new entry.
            guard idle < Self.idlePages, let next = try Self.next(after: answer, in: place), visited.insert(next.wire).inserted
            else { return true }
            guard ContinuousClock.now < end else {
                throw upstream.error(.unavailable, "\(noun) does not come to its end in time")
            }
            url = next
        }
        throw upstream.error(.invalid, "\(noun) has no end")
    }

    /// `Link: </v2/…?last=…>; rel="next"` (RFC 8288). Registries behind proxies name themselves by other hosts and paths than the
    /// one that was asked. The next page is at the same place, so only the link's query is taken, and the login goes nowhere
    /// else.
    private static func next(after answer: Answer, in place: OutboundURL) throws(UpstreamError) -> OutboundURL? {
        guard let target = answer.response.headers["link"].lazy.compactMap({ nextLink(in: $0) }).first else { return nil }
        let url: OutboundURL
        do throws(URLRefusal) { url = try answer.url.resolving(target) } catch {
            throw answer.upstream.error(.invalid, "the link to the next page of its list \(error.reason)")
        }
        if let query = url.query { return place.with(query: query) }
        guard url.origin == place.origin else {
            throw answer.upstream.error(.guarded, "the next page of its list is on another server")
        }
        return url
    }

    private static func nextLink(in header: String) -> String? {
        var rest = header[...]
        while let open = rest.firstIndex(of: "<"), let close = rest[open...].firstIndex(of: ">") {
            let after = rest[rest.index(after: close)...]
            let parameters = after.prefix { $0 != "<" }.lowercased()
            if parameters.contains("rel=\"next\"") || parameters.contains("rel=next") {
                return String(rest[rest.index(after: open)..<close])
            }
            rest = after
        }
        return nil
    }
}

extension UpstreamReferrer {
    /// Its size in memory in bytes, without the digest.
    fileprivate var bytes: Int {
        mediaType.utf8.count + (artifactType?.utf8.count ?? 0) + annotations.map { $0.key.utf8.count + $0.value.utf8.count }.total
    }
}

/// A page of tags or of referrers: the two documents have no member in common. A malformed entry does not spoil the others.
private struct ListPage: Decodable {
    private var named: [Lenient<String>]?
    private var listed: [Lenient<Entry>]?

    private enum CodingKeys: String, CodingKey {
        case named = "tags"
        case listed = "manifests"
    }

    /// Nil where the value is malformed.
    private struct Lenient<Value: Decodable>: Decodable {
        let value: Value?

        init(from decoder: any Decoder) throws { value = try? decoder.singleValueContainer().decode(Value.self) }
    }

    private struct Entry: Decodable {
        var mediaType: String?
        var digest: String
        var size: Int64?
        var artifactType: String?
        var annotations: [String: CarriedText]?

        private enum CodingKeys: CodingKey { case mediaType, digest, size, artifactType, annotations }

        init(from decoder: any Decoder) throws {
            let members = try decoder.container(keyedBy: CodingKeys.self)
            digest = try members.decode(String.self, forKey: .digest)
            mediaType = try? members.decode(String.self, forKey: .mediaType)
            size = try? members.decode(Int64.self, forKey: .size)
            artifactType = try? members.decode(String.self, forKey: .artifactType)
            annotations = try? members.decode([String: CarriedText].self, forKey: .annotations)
        }
    }

    init?(_ bytes: ByteBuffer) {
        guard let page = try? JSONDecoder().decode(Self.self, from: Data(bytes.readableBytesView)) else { return nil }
        self = page
    }

    /// Entries that are no tag by the grammar are left out.
    var tags: [Tag] { (named ?? []).compactMap { entry in entry.value.flatMap { try? Tag($0) } } }

    /// Entries whose digest is malformed are left out.
    var referrers: [UpstreamReferrer] {
        (listed ?? []).compactMap(\.value).compactMap { entry in
            guard let digest = try? Digest(entry.digest) else { return nil }
            return UpstreamReferrer(
                digest: digest, mediaType: entry.mediaType ?? MediaType.ociManifest,
                size: ByteCount(clamping: entry.size ?? 0).bytes,
                artifactType: entry.artifactType, annotations: (entry.annotations ?? [:]).compactMapValues(\.text))
        }
    }
}
