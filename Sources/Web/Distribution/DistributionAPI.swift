import HTTPTypes
import NIOCore
import WeirCore
import WeirRegistry

/// A request to the distribution API whose address is read and whose caller is known.
struct DistributionCall: Sendable {
    var path: DistributionPath
    let request: WebRequest
    let caller: Caller
    let registry: RegistryID
    /// The address itself is signed, by somebody who may read what it names.
    let isLinked: Bool
    /// The registry that the client means (`?ns=`), where a cache rule is for it.
    var namespace: String?

    var method: HTTPRequest.Method { request.method }
    var query: QueryParameters { QueryParameters(request.rawQuery) }

    func reply(
        _ status: HTTPResponse.Status, _ headers: HTTPFields = [:], _ body: Reply.Body = .bytes(ByteBuffer())
    ) -> Reply {
        Reply(status, headers, body, label: path.route)
    }
}

/// The distribution API: a switch over addresses and methods, each to its noun's file. It decides nothing: it asks whether the
/// caller may, asks the registry, and writes down the answer.
struct DistributionAPI: Sendable {
    let registry: Registry

    func answer(_ call: DistributionCall) async throws -> Reply {
        var reply = try await route(call)
        if let namespace = call.namespace { reply.headers[.namespace] = namespace }
        return reply
    }

    /// The call, with the name under which what it means is kept here.
    func located(_ call: DistributionCall) async throws -> DistributionCall {
        // No name, tag or number holds one, and databases end a text at it.
        guard !call.request.rawQuery.contains("%00") else {
            throw Refusal(.invalidParameter, "Invalid parameter: a NUL character in the query")
        }
        // A link is good for the name that it was made for.
        guard !call.isLinked, let host = call.query["ns"], !host.isEmpty, call.method == .get || call.method == .head else {
            return call
        }
        return try await located(call, inNamespace: host)
    }

    private func route(_ call: DistributionCall) async throws -> Reply {
        switch (call.path, call.method) {
        case (.ping, .get), (.ping, .head):
            return call.reply(.ok, [.contentType: "application/json"], .bytes(ByteBuffer(string: "{}")))
        case (.catalog, .get): return try await catalog(call)
        case (.tags(let name), .get): return try await tags(of: name, call)
        case (.manifest(let name, let reference), .get), (.manifest(let name, let reference), .head):
            return try await manifest(reference, in: name, call)
        case (.manifest(let name, let reference), .put):
            return try await putManifest(reference, in: name, call)
        case (.manifest(let name, let reference), .delete):
            return try await deleteManifest(reference, in: name, call)
        case (.blob(let name, let digest), .get), (.blob(let name, let digest), .head):
            return try await blob(digest, in: name, call)
        case (.blob(let name, let digest), .delete): return try await deleteBlob(digest, in: name, call)
        case (.uploads(let name), .post): return try await beginUpload(in: name, call)
        case (.upload(let name, let id), .patch): return try await appendToUpload(id, in: name, call)
        case (.upload(let name, let id), .put): return try await finishUpload(id, in: name, call)
        case (.upload(let name, let id), .get): return try await uploadStatus(id, in: name, call)
        case (.upload(let name, let id), .delete): return try await cancelUpload(id, in: name, call)
        case (.referrers(let name, let digest), .get), (.referrers(let name, let digest), .head):
            return try await referrers(of: digest, in: name, call)
        default:
            throw Refusal(.unsupported, "The operation is unsupported: \(call.method) here")
        }
    }

    /// Asks whether the caller may; refuses with ECR's sentence.
    func permit(_ call: DistributionCall, _ action: String, on name: RepositoryName?) async throws {
        // A link reads what its maker may read at this moment: it ends with that right, and not an hour later.
        let action = call.isLinked ? "ecr:GetDownloadUrlForLayer" : action
        try await registry.access.permit(call.caller, action, on: name, in: call.registry)
    }
}

extension HTTPField.Name {
    static let distributionVersion = constant("Docker-Distribution-Api-Version")
    static let contentDigest = constant("Docker-Content-Digest")
    static let uploadID = constant("Docker-Upload-UUID")
    static let warning = constant("Warning")
    static let link = constant("Link")
    static let subject = constant("OCI-Subject")
    static let tag = constant("OCI-Tag")
    static let filtersApplied = constant("OCI-Filters-Applied")
}
