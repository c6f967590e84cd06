import HTTPTypes
import NIOCore
import WeirCore
import WeirRegistry
import WeirServer

extension DistributionAPI {
    /// `GET` and `HEAD /v2/<name>/blobs/<digest>`, whole or one range of it.
    func blob(_ digest: Digest, in name: RepositoryName, _ call: DistributionCall) async throws -> Reply {
        let isHead = call.method == .head
        let blob = try await registry.pulls.blobs.pull(
            digest, in: name, of: call.registry, for: call.caller, isHead ? .head : .read)
        return try await BlobResponse(digest: digest, blob: blob).reply(to: call)
    }
}

extension DistributionAPI {
    /// `DELETE /v2/<name>/blobs/<digest>`: the repository no longer serves the blob. ECR has no such call; it needs the right to
    /// delete images.
    func deleteBlob(_ digest: Digest, in name: RepositoryName, _ call: DistributionCall) async throws -> Reply {
        try await registry.layers.delete(digest, from: name, of: call.registry)
        return call.reply(.accepted)
    }
}

/// A blob as an answer to one request.
struct BlobResponse: Sendable {
    let digest: Digest
    let blob: ServedBlob

    func reply(to call: DistributionCall) async throws -> Reply {
        var headers: HTTPFields = [
            .contentType: "application/octet-stream", .contentDigest: "\(digest)", .eTag: "\"\(digest)\"",
            .acceptRanges: "bytes",
        ]
        if call.method == .head { return call.reply(.ok, headers, .absent(length: blob.size)) }
        switch asked(call.request.headers) {
        case .whole:
            return call.reply(.ok, headers, try await body(0..<blob.size))
        case .part(let range):
            headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(blob.size)"
            return call.reply(.partialContent, headers, try await body(range))
        case .unsatisfiable:
            let error = DistributionError(
                Refusal(.rangeNotSatisfiable, "The range begins after the blob's \(blob.size) bytes"))
            return call.reply(
                error.status, [.contentType: "application/json", .contentRange: "bytes */\(blob.size)"], .bytes(error.body))
        }
    }

    /// RFC 9110, 13.1.5: with `If-Range` the range counts only if the client's part belongs to this content.
    private func asked(_ headers: HTTPFields) -> ByteRange {
        if let condition = headers[.ifRange], condition != "\"\(digest)\"" { return .whole }
        return ByteRange(headers[.range], size: blob.size)
    }

    /// Reads the first bytes now, so that content that cannot be read at all is refused with its reason.
    private func body(_ range: Range<Int64>) async throws -> Reply.Body {
        blob.note(Int64(range.count))
        if blob.file != nil, range.count > SendBufferBudget.firstPart {
            return .blob(BlobSlice(blob, range, first: ByteBuffer()))
        }
        guard !range.isEmpty else { return .bytes(ByteBuffer()) }
        let first = try await blob.body.read(
            at: range.lowerBound, upTo: min(range.count, SendBufferBudget.firstPart))
        guard first.readableBytes > 0 else { throw BlobEndedEarly(at: range.lowerBound) }
        if first.readableBytes == range.count { return .bytes(first) }
        return .blob(BlobSlice(blob, range, first: first))
    }
}
