import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import WeirCore

/// The answer at the end of a chain of redirects, whichever host sent it. Its body has not been read yet.
struct Answer: Sendable {
    let response: HTTPClientResponse
    /// The URL that answered.
    let url: OutboundURL
    let kind: OutboundRequest.Kind
    let upstream: Upstream
    /// The request to that URL carried a login, or an anonymous token.
    let hadLogin: Bool

    var status: Int { Int(response.status.code) }
    var isFromUpstreamItself: Bool { url.origin == upstream.base.origin }

    func header(_ name: String) -> String? { response.headers.first(name: name) }

    var mediaType: String? {
        header("content-type").map(MediaType.essence).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The entity tag where `If-Range` can use it: a weak one cannot be used (RFC 9110, 13.1.5).
    var strongEntityTag: String? {
        header("etag").flatMap { $0.hasPrefix("\"") && $0.hasSuffix("\"") && (2...256).contains($0.utf8.count) ? $0 : nil }
    }

    /// Length of the body in bytes, where the answer announces a valid one.
    var contentLength: Int64? {
        guard header("transfer-encoding") == nil else { return nil }
        return header("content-length").flatMap { ByteCount(digits: $0)?.bytes }
    }

    /// The announced length of a blob, in bytes; nil where none is announced. Throws where the header is no valid length: the
    /// body would not be the blob.
    func demandLength() throws(UpstreamError) -> Int64? {
        if let contentLength { return contentLength }
        guard header("transfer-encoding") == nil, let told = header("content-length") else { return nil }
        throw upstream.error(
            .invalid, "\(upstream.naming(url)) told a length that no blob has: '\(told.prefix(40))'", status: status)
    }

    /// Reads the whole body of a small document. A body can be read once, by this or by `drain`.
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

    /// Reads the rest of a short body, so that the connection can be used again. A body over 64 KiB, or slower than 2 s, is cut
    /// off.
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
