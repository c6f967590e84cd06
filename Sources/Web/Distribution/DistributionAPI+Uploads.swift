import HTTPTypes
import NIOCore
import WeirCore
import WeirRegistry
import WeirServer

extension DistributionAPI {
    /// `POST /v2/<name>/blobs/uploads/`: begins an upload. With `?digest=` and a body, stores the whole blob at once. With
    /// `?mount=`, takes the blob from another repository where that is allowed, and otherwise begins an upload.
    func beginUpload(in name: RepositoryName, _ call: DistributionCall) async throws -> Reply {
        try await registry.pushTargets.prepare(name, of: call.registry, for: call.caller)
        let query = call.query
        if let mount = query["mount"], !mount.isEmpty {
            let digest = try Digest(mount)
            let from = query["from"].flatMap { $0.isEmpty ? nil : $0 }
            let source = from.flatMap { try? RepositoryName($0) }
            // A malformed name is no repository to mount from, and does not count as no name.
            if source != nil || from == nil,
                try await registry.mounts.mount(
                    digest, from: source, into: name, of: call.registry, for: call.caller)
            {
                return created(digest, in: name, call)
            }
        } else if let whole = try digest(call, whereAbsent: nil), call.bringsWholeBlob {
            try registry.uploads.checkRoom(for: call.request.body.declaredLength)
            try await registry.uploads.push(call.request.body, digest: whole, to: name, of: call.registry)
            return created(whole, in: name, call)
        }
        let upload = try await registry.uploads.begin(in: name, of: call.registry, for: call.caller)
        return call.reply(.accepted, headers(upload, in: name))
    }

    /// The digest of a blob of no bytes.
    static let emptyBlob = Digest(of: [])

    /// `PATCH /v2/<name>/blobs/uploads/<id>`: the next part.
    func appendToUpload(_ id: String, in name: RepositoryName, _ call: DistributionCall) async throws -> Reply {
        try registry.uploads.checkRoom(for: call.request.body.declaredLength)
        return try await inOrder(id, in: name, call) {
            let upload = try await registry.uploads.append(
                id, in: name, of: call.registry, at: try chunkBegins(call), body: call.request.body)
            return call.reply(.accepted, headers(upload, in: name))
        }
    }

    /// `PUT /v2/<name>/blobs/uploads/<id>?digest=…`: the last part, if it has a body, and the end.
    func finishUpload(_ id: String, in name: RepositoryName, _ call: DistributionCall) async throws -> Reply {
        let digest = try digest(
            call,
            whereAbsent: Refusal(.digestInvalid, "The upload cannot be finished without the parameter 'digest'"))
        guard let digest else { throw Refusal(.digestInvalid, "The parameter 'digest' is missing") }
        let body = call.request.body
        if !body.isEmpty { try registry.uploads.checkRoom(for: body.declaredLength) }
        return try await inOrder(id, in: name, call) {
            _ = try await registry.uploads.finish(
                id, in: name, of: call.registry, digest: digest, body: body.isEmpty ? nil : body,
                at: try chunkBegins(call))
            return created(digest, in: name, call)
        }
    }

    /// Answers a part that does not follow the last one with the offset at which the upload goes on (OCI 1.1, "Pushing a blob in
    /// chunks").
    private func inOrder(
        _ id: String, in name: RepositoryName, _ call: DistributionCall, _ work: () async throws -> Reply
    ) async throws -> Reply {
        do { return try await work() } catch let refusal as Refusal where refusal.reason == .blobUploadOutOfOrder {
            let error = DistributionError(refusal)
            let upload = try await registry.uploads.status(id, in: name, of: call.registry)
            var headers = headers(upload, in: name)
            headers[.contentType] = "application/json"
            return call.reply(error.status, headers, .bytes(error.body))
        }
    }

    /// `GET /v2/<name>/blobs/uploads/<id>`: how far the upload has come. A client that has lost its place goes on from there,
    /// also after a restart of the server.
    func uploadStatus(_ id: String, in name: RepositoryName, _ call: DistributionCall) async throws -> Reply {
        let upload = try await registry.uploads.status(id, in: name, of: call.registry)
        return call.reply(.noContent, headers(upload, in: name))
    }

    /// `DELETE /v2/<name>/blobs/uploads/<id>`
    func cancelUpload(_ id: String, in name: RepositoryName, _ call: DistributionCall) async throws -> Reply {
        try await registry.uploads.cancel(id, in: name, of: call.registry)
        return call.reply(.noContent)
    }

    private func headers(_ upload: UploadStatus, in name: RepositoryName) -> HTTPFields {
        // OCI 1.1, "Pushing a blob in chunks": `Range` is inclusive, so it cannot express that an upload is empty.
        [
            .location: "/v2/\(name)/blobs/uploads/\(upload.id)", .uploadID: upload.id,
            .range: "0-\(max(0, upload.received - 1))",
        ]
    }

    private func created(_ digest: Digest, in name: RepositoryName, _ call: DistributionCall) -> Reply {
        call.reply(.created, [.location: "/v2/\(name)/blobs/\(digest)", .contentDigest: "\(digest)"])
    }

    private func digest(_ call: DistributionCall, whereAbsent refusal: Refusal?) throws -> Digest? {
        guard let text = call.query["digest"], !text.isEmpty else {
            if let refusal { throw refusal }
            return nil
        }
        return try Digest(text)
    }

    /// Where the chunk begins, by its `Content-Range`; its length must agree with `Content-Length`.
    private func chunkBegins(_ call: DistributionCall) throws -> Int64? {
        guard let header = call.request.headers[.contentRange] else { return nil }
        guard let range = ChunkRange(header) else {
            throw Refusal(.blobUploadOutOfOrder, "The Content-Range '\(header.prefix(100))' is not <first>-<last>")
        }
        if let declared = call.request.body.declaredLength, declared != range.count {
            throw Refusal(
                .blobUploadOutOfOrder,
                "The Content-Range \(range.first)-\(range.last) has \(range.count) bytes, the body \(declared)")
        }
        return range.first
    }
}
