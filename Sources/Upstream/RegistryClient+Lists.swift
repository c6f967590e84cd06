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
    /// Pages in a row that bring nothing new; then it is the end.
    private static let idlePages = 3
    /// A whole list may take so long: each of two hundred slow pages would else have its own time.
    private static let patience: Duration = .seconds(180)
    /// Of their types and annotations together.
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
        // Some registries refuse the number: those are asked without.
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

    /// Registries without the API say so in many ways: any no of their own but a limit or an outage, another host's answer, a web
    /// page.
    private static func lacksReferrersAPI(_ answer: Answer) -> Bool {
        guard answer.isFromUpstreamItself else { return answer.status != 200 }
        switch answer.status {
        case 200: return answer.mediaType == "text/html"
        case 429: return false
        case 500...: return answer.status == 501
        default: return true
        }
    }

    /// OCI 1.1, "Referrers Tag Schema": an index under the tag `sha256-…`, where the registry has no API for it. No such tag:
    /// none.
    private func referrersByTag(
        of digest: Digest, in source: UpstreamSource
    ) async throws(UpstreamError) -> [UpstreamReferrer] {
        // The rule cuts a digest of sha512 to fit into a tag.
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
            // Of a tag that is not there some hosts say what they say of a login that does not count.
            let isHidden = try guarding.upstream(for: source).hidesUnknownNames && error.kind == .denied
            guard error.kind == .notFound || isHidden else { throw error }
            return []
        }
    }

    /// What becomes of a list after a page.
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
            guard answer.status == 200 else { throw await verdict.error(for: answer, asking: noun, login: login) }
            let bytes = try await document(answer, upTo: Manifest.maxBytes, as: noun)
            guard let page = ListPage(bytes) else { throw upstream.error(.invalid, "it sent something else as \(noun)") }
            guard case .more(let isNews) = try take(page, answer) else { return true }
            idle = isNews ? 0 : idle + 1
            // A link that leads in a circle, and pages that bring nothing, are an end too.
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
    /// one that was asked: where the next page is, is known, so that only the query is taken. The login goes nowhere else.
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
    /// What it takes in memory, but for its digest.
    fileprivate var bytes: Int {
        mediaType.utf8.count + (artifactType?.utf8.count ?? 0) + annotations.map { $0.key.utf8.count + $0.value.utf8.count }.total
    }
}

/// A page of tags or of referrers: the two documents have no member in common. One entry that makes no sense does not spoil the
/// others.
private struct ListPage: Decodable {
    private var named: [Lenient<String>]?
    private var listed: [Lenient<Entry>]?

    private enum CodingKeys: String, CodingKey {
        case named = "tags"
        case listed = "manifests"
    }

    /// Nil for what is none.
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

    /// What is no tag by the grammar is left out.
    var tags: [Tag] { (named ?? []).compactMap { entry in entry.value.flatMap { try? Tag($0) } } }

    /// What is no digest is left out.
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
