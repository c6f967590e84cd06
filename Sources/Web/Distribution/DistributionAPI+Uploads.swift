import HTTPTypes
import NIOCore
import WeirCore
import WeirRegistry

extension DistributionAPI {
    /// `POST /v2/<name>/blobs/uploads/`: begins an upload, or with `?digest=` and a body takes the whole blob at once.
    ///
    /// `?mount=` begins an ordinary upload, as the specification allows: nothing is taken from another repository.
    func beginUpload(in name: RepositoryName, _ call: DistributionCall) async throws -> Reply {
        try await permit(call, "ecr:InitiateLayerUpload", on: name)
        let whole = try digest(call, whereAbsent: nil)
        if whole != nil, !call.request.body.isEmpty {
            try await permit(call, "ecr:UploadLayerPart", on: name)
            try await permit(call, "ecr:CompleteLayerUpload", on: name)
        }
        let upload = try await registry.uploads.begin(in: name, of: call.registry)
        guard let whole, !call.request.body.isEmpty else {
            return call.reply(.accepted, headers(upload, in: name))
        }
        do {
            _ = try await registry.uploads.finish(
                upload.id, in: name, of: call.registry, digest: whole, body: call.request.body, at: nil)
        } catch {
            // The client was not told its id: nobody can go on with it.
            try? registry.uploads.cancel(upload.id, in: name, of: call.registry)
            throw error
        }
        return created(whole, in: name, call)
    }

    /// `PATCH /v2/<name>/blobs/uploads/<id>`: the next part.
    func appendToUpload(_ id: String, in name: RepositoryName, _ call: DistributionCall) async throws -> Reply {
        try await permit(call, "ecr:UploadLayerPart", on: name)
        let offset = try chunkBegins(call)
        let upload = try await registry.uploads.append(
            id, in: name, of: call.registry, at: offset, body: call.request.body)
        return call.reply(.accepted, headers(upload, in: name))
    }

    /// `PUT /v2/<name>/blobs/uploads/<id>?digest=…`: the last part, if it has a body, and the end.
    func finishUpload(_ id: String, in name: RepositoryName, _ call: DistributionCall) async throws -> Reply {
        try await permit(call, "ecr:CompleteLayerUpload", on: name)
        let digest = try digest(
            call,
            whereAbsent: Refusal(.digestInvalid, "The upload cannot be finished without the parameter 'digest'"))
        guard let digest else { throw Refusal(.digestInvalid, "The parameter 'digest' is missing") }
        let body = call.request.body
        if !body.isEmpty { try await permit(call, "ecr:UploadLayerPart", on: name) }
        _ = try await registry.uploads.finish(
            id, in: name, of: call.registry, digest: digest, body: body.isEmpty ? nil : body,
            at: try chunkBegins(call))
        return created(digest, in: name, call)
    }

    /// `GET /v2/<name>/blobs/uploads/<id>`: how far it has come.
    func uploadStatus(_ id: String, in name: RepositoryName, _ call: DistributionCall) async throws -> Reply {
        try await permit(call, "ecr:UploadLayerPart", on: name)
        let upload = try registry.uploads.status(id, in: name, of: call.registry)
        return call.reply(.noContent, headers(upload, in: name))
    }

    /// `DELETE /v2/<name>/blobs/uploads/<id>`
    func cancelUpload(_ id: String, in name: RepositoryName, _ call: DistributionCall) async throws -> Reply {
        try await permit(call, "ecr:InitiateLayerUpload", on: name)
        try registry.uploads.cancel(id, in: name, of: call.registry)
        return call.reply(.noContent)
    }

    private func headers(_ upload: UploadStatus, in name: RepositoryName) -> HTTPFields {
        // OCI 1.1, "Pushing a blob in chunks": `Range` is inclusive, so that an empty upload cannot say that it is empty.
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

    /// Where the chunk says that it begins; it must say the same of its length as `Content-Length`.
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
