import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import WeirCore

/// What came back, whoever of a chain of redirects sent it. The body is still on the wire.
struct Answer: Sendable {
    let response: HTTPClientResponse
    /// Who answered.
    let url: OutboundURL
    let kind: OutboundRequest.Kind
    let upstream: Upstream
    /// Whoever answered had been sent a login, or a token for strangers.
    let hadLogin: Bool

    var status: Int { Int(response.status.code) }
    var isFromUpstreamItself: Bool { url.origin == upstream.base.origin }

    func header(_ name: String) -> String? { response.headers.first(name: name) }

    var mediaType: String? {
        header("content-type").map(MediaType.essence).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// What `If-Range` can be asked with: a weak tag would not do (RFC 9110, 13.1.5).
    var strongEntityTag: String? {
        header("etag").flatMap { $0.hasPrefix("\"") && $0.hasSuffix("\"") && (2...256).contains($0.utf8.count) ? $0 : nil }
    }

    /// Bytes to come, where the answer tells a length that can be one.
    var contentLength: Int64? {
        guard header("transfer-encoding") == nil else { return nil }
        return header("content-length").flatMap { ByteCount(digits: $0)?.bytes }
    }

    /// The same for a blob. Throws where a length is told that none can have: what follows would not be the blob.
    func demandLength() throws(UpstreamError) -> Int64? {
        if let contentLength { return contentLength }
        guard header("transfer-encoding") == nil, let told = header("content-length") else { return nil }
        throw upstream.error(
            .invalid, "\(upstream.naming(url)) told a length that no blob has: '\(told.prefix(40))'", status: status)
    }

    /// The whole body of a small document. A body can be taken once, here or by `drain`.
    func collect(upTo maxBytes: Int, within limit: Duration, as noun: String) async throws(UpstreamError) -> ByteBuffer {
        if let contentLength, contentLength > maxBytes { throw tooLong(noun, maxBytes) }
        let body = response.body
        do {
            return try await WeirUpstream.within(limit) {
                var whole = ByteBuffer()
                for try await var part in body {
                    guard whole.readableBytes + part.readableBytes <= maxBytes else { throw TooLong() }
                    if whole.readableBytes == 0 { whole = part } else { whole.writeBuffer(&part) }
                }
                return whole
            }
        } catch is TooLong {
            throw tooLong(noun, maxBytes)
        } catch is TimeLimitPassed {
            throw upstream.error(.unavailable, "\(upstream.naming(url)) took more than \(limit.formattedSeconds) to send \(noun)")
        } catch {
            throw Fault(error, timeouts: nil).error(at: url, for: upstream)
        }
    }

    /// Takes what is left of a short body, so that the connection can be used again; a long or slow one is cut off.
    func drain() async {
        guard kind != .head, contentLength ?? 0 <= Self.worthDraining else { return }
        let body = response.body
        _ = try? await within(.seconds(2)) { try await body.collect(upTo: Self.worthDraining) }
    }

    private static let worthDraining = 64 * 1024

    private struct TooLong: Error {}

    private func tooLong(_ noun: String, _ maxBytes: Int) -> UpstreamError {
        upstream.error(.invalid, "\(upstream.naming(url)) sent \(noun) of more than \(maxBytes) bytes")
    }
}
