import AsyncHTTPClient
import NIOCore
import NIOHTTP1
package import WeirCore

extension RegistryClient {
    package func blob(
        _ digest: Digest, range: UpstreamRange, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamBlob {
        try await sparing(digest, in: source) { () throws(UpstreamError) in
            try await part(range, of: digest, in: source)
        }
    }

    package func blobSize(_ digest: Digest, in source: UpstreamSource) async throws(UpstreamError) -> Int64? {
        try await sparing(digest, in: source) { () throws(UpstreamError) in try await size(of: digest, in: source) }
    }

    /// Asks for a blob, unless its storage has just answered "too many requests".
    private func sparing<Value>(
        _ digest: Digest, in source: UpstreamSource, _ body: () async throws(UpstreamError) -> Value
    ) async throws(UpstreamError) -> Value {
        try storages.admit(digest, in: source)
        do throws(UpstreamError) {
            let value = try await body()
            storages.note(nil, of: digest, in: source)
            return value
        } catch {
            storages.note(error, of: digest, in: source)
            throw error
        }
    }

    private func part(
        _ range: UpstreamRange, of digest: Digest, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamBlob {
        let (answer, login) = try await content(of: digest, Self.headers(for: range), in: source)
        let ranges = answer.header("accept-ranges").map { $0.lowercased() == "bytes" } ?? false
        switch answer.status {
        // A `Content-Encoding` does not matter: the digest tells whether these are the bytes.
        case 200:
            let length = try answer.demandLength()
            return UpstreamBlob(
                size: length, offset: 0, body: body(of: answer, length: length),
                validator: answer.strongEntityTag, servesRanges: ranges)
        case 206 where !range.isWhole:
            let sent = try Self.range(of: answer, asked: range)
            return UpstreamBlob(
                size: sent.size, offset: range.offset, body: body(of: answer, length: sent.count),
                validator: answer.strongEntityTag, servesRanges: true)
        default: throw await classifier.error(for: answer, asking: "the blob \(digest)", login: login)
        }
    }

    private func size(of digest: Digest, in source: UpstreamSource) async throws(UpstreamError) -> Int64? {
        let asked = try await look("blobs/\(digest)", [:], in: source)
        guard let (answer, login) = asked else { return try await sizeByFirstByte(of: digest, in: source) }
        if classifier.isMerelyALook(answer) { return try await sizeByFirstByte(of: digest, in: source) }
        guard answer.status == 200 else {
            throw await classifier.error(for: answer, asking: "the blob \(digest)", login: login)
        }
        return try answer.demandLength()
    }

    /// Asks by GET for the first byte alone. An empty blob has no first byte, and some servers refuse every range: there it asks
    /// for the whole blob, and does not read the body.
    private func sizeByFirstByte(of digest: Digest, in source: UpstreamSource) async throws(UpstreamError) -> Int64? {
        do throws(UpstreamError) {
            return try await part(UpstreamRange(offset: 0, length: 1), of: digest, in: source).size
        } catch {
            guard error.kind == .invalid else { throw error }
            return try await part(.whole, of: digest, in: source).size
        }
    }

    /// The blob's answer: from the link that upstream gave last, while that works, else from upstream. Upstream is asked once
    /// more where a link that it has just given is refused.
    private func content(
        of digest: Digest, _ headers: HTTPHeaders, in source: UpstreamSource
    ) async throws(UpstreamError) -> (Answer, ResponseClassifier.LoginState) {
        let key = Redirects.Key(source, digest)
        if let link = redirects.link(for: key), let answer = try await content(at: link, headers, in: source) {
            return (answer, .sent)
        }
        redirects.forget(key)
        var asked = try await ask(.get, "blobs/\(digest)", headers, in: source)
        if Self.isRefusedLink(asked.0) {
            await asked.0.drain()
            asked = try await ask(.get, "blobs/\(digest)", headers, in: source)
        }
        let answer = asked.0
        // A signed link needs no login. A host that wanted a token is another registry, and its URL is not remembered.
        if !answer.isFromUpstreamItself, !answer.hadLogin, answer.status == 200 || answer.status == 206 {
            redirects.remember(answer.url, for: key)
        }
        return asked
    }

    /// Nil where the link has expired or its host fails: upstream may give another one.
    private func content(
        at link: OutboundURL, _ headers: HTTPHeaders, in source: UpstreamSource
    ) async throws(UpstreamError) -> Answer? {
        let upstream = try guarding.upstream(for: source)
        var request = OutboundRequest(kind: .get, url: link, plainHeaders: headers)
        request.isElsewhere = true
        do throws(UpstreamError) {
            let answer = try await follower.follow(request, for: upstream)
            if answer.status == 200 || answer.status == 206 { return answer }
            await answer.drain()
            return nil
        } catch {
            if Task.isCancelled { throw error }
            return nil
        }
    }

    private static func isRefusedLink(_ answer: Answer) -> Bool {
        !answer.isFromUpstreamItself && [400, 403, 410].contains(answer.status)
    }

    private static func headers(for range: UpstreamRange) -> HTTPHeaders {
        guard !range.isWhole else { return [:] }
        let last = range.length.map { String(range.offset.adding(max($0, 1)).subtracting(1)) } ?? ""
        var headers: HTTPHeaders = ["Range": "bytes=\(range.offset)-\(last)"]
        if let validator = range.validator { headers.add(name: "If-Range", value: validator) }
        return headers
    }

    private func body(of answer: Answer, length: Int64?) -> UpstreamBody {
        UpstreamBody(
            body: answer.response.body, expected: length, url: answer.url, upstream: answer.upstream,
            timeouts: timeouts)
    }

    /// The range that a 206 holds. It must be the one asked for, as far as the blob goes: otherwise its bytes would be written in
    /// the wrong place.
    private static func range(of answer: Answer, asked: UpstreamRange) throws(UpstreamError) -> ContentRange {
        guard let range = answer.header("content-range").flatMap({ ContentRange($0) }), range.first == asked.offset,
            Self.ends(range, as: asked),
            answer.contentLength == nil || answer.contentLength == range.count
        else {
            throw answer.upstream.error(
                .invalid, "\(answer.upstream.naming(answer.url)) sent another range than the one asked for",
                status: answer.status)
        }
        return range
    }

    private static func ends(_ range: ContentRange, as asked: UpstreamRange) -> Bool {
        let end = range.range.upperBound
        guard let length = asked.length else { return range.size == nil || range.size == end }
        let wanted = asked.offset.adding(length)
        return end == min(wanted, range.size ?? wanted)
    }
}
