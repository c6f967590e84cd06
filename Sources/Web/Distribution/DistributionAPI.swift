import HTTPTypes
import NIOCore
import WeirCore
import WeirRegistry
import WeirServer

/// A request to the distribution API, with its parsed path and its caller.
struct DistributionCall: Sendable {
    var path: DistributionPath
    let request: WebRequest
    let caller: Caller
    let registry: RegistryID
    /// The URL itself is signed, by a caller who may read the blob.
    let isLinked: Bool
    /// The registry that the client means (`?ns=`), where there is a cache rule for it.
    var namespace: String?

    var method: HTTPRequest.Method { request.method }
    var query: QueryParameters { QueryParameters(request.rawQuery) }

    func reply(
        _ status: HTTPResponse.Status, _ headers: HTTPFields = [:], _ body: Reply.Body = .bytes(ByteBuffer())
    ) -> Reply {
        Reply(status, headers, body, label: path.route)
    }
}

/// The distribution API: a switch over paths and methods, each with its handler and the rights that it needs. It decides nothing:
/// it checks the rights, calls the registry, and writes the answer.
struct DistributionAPI: Sendable {
    let registry: Registry

    /// - Parameter allowed: is told which statement allowed it, where one did.
    func answer(
        _ call: DistributionCall, allowed: (AuthorizationDecision.Decider) -> Void = { _ in }
    ) async throws -> Reply {
        let route = try route(call)
        for demand in route.demands {
            if let decider = try await registry.access.permit(call.caller, demand) { allowed(decider) }
        }
        var reply = try await route.handler()
        if let namespace = call.namespace { reply.headers[.namespace] = namespace }
        return reply
    }

    /// The call, with the name under which its repository is kept here.
    func located(_ call: DistributionCall) async throws -> DistributionCall {
        // No name, tag or number holds a NUL, and databases end a text at it.
        guard !call.request.rawQuery.contains("%00") else {
            throw Refusal(.invalidParameter, "Invalid parameter: a NUL character in the query")
        }
        // A link is valid only for the name that it was made for.
        guard !call.isLinked, let host = call.query["ns"], !host.isEmpty, call.method == .get || call.method == .head else {
            return call
        }
        return try await located(call, inNamespace: host)
    }

    /// The handler for a path and method, and the rights that it needs.
    private func route(_ call: DistributionCall) throws -> DistributionRoute {
        switch (call.path, call.method) {
        case (.ping, .get), (.ping, .head):
            return DistributionRoute(demands: []) {
                call.reply(.ok, [.contentType: "application/json"], .bytes(ByteBuffer(string: "{}")))
            }
        case (.catalog, .get):
            return DistributionRoute(
                demands: [AccessDemand("ecr:DescribeRepositories", on: .repositories(in: call.registry))]
            ) { try await catalog(call) }
        case (.tags(let name), .get): return call.route("ListImages", on: name) { try await tags(of: name, call) }
        case (.manifest(let name, let reference), let method): return try manifestRoute(reference, in: name, method, call)
        case (.blob(let name, let digest), .get):
            return call.route("GetDownloadUrlForLayer", on: name) { try await blob(digest, in: name, call) }
        case (.blob(let name, let digest), .head):
            return call.route("BatchCheckLayerAvailability", on: name) { try await blob(digest, in: name, call) }
        case (.blob(let name, let digest), .delete):
            return call.route("BatchDeleteImage", on: name) { try await deleteBlob(digest, in: name, call) }
        case (.uploads(let name), .post):
            let actions = call.bringsWholeBlob ? ["UploadLayerPart", "CompleteLayerUpload"] : []
            return call.route("InitiateLayerUpload", on: name, and: actions) { try await beginUpload(in: name, call) }
        case (.upload(let name, let id), let method): return try uploadRoute(id, in: name, method, call)
        case (.referrers(let name, let digest), .get), (.referrers(let name, let digest), .head):
            return call.route("BatchGetImage", on: name) { try await referrers(of: digest, in: name, call) }
        default: throw Self.unsupported(call)
        }
    }

    private func manifestRoute(
        _ reference: DistributionPath.ManifestReference, in name: RepositoryName, _ method: HTTPRequest.Method,
        _ call: DistributionCall
    ) throws -> DistributionRoute {
        let image: AccessDemand.Image? = if case .reference(let named) = reference { .reference(named) } else { nil }
        switch method {
        case .get, .head:
            return call.route("BatchGetImage", on: name, image: image) { try await manifest(reference, in: name, call) }
        case .put:
            let route = call.route("PutImage", on: name, image: image) { try await putManifest(reference, in: name, call) }
            // Each of several tags is a push of its own.
            let besides = call.query.all("tag").prefix(Self.maxTagsAtOnce).map {
                AccessDemand("ecr:PutImage", on: .repository(name, in: call.registry), image: .named(tag: $0, digest: nil))
            }
            return DistributionRoute(demands: route.demands + besides, handler: route.handler)
        case .delete:
            return call.route("BatchDeleteImage", on: name, image: image) { try await deleteManifest(reference, in: name, call) }
        default: throw Self.unsupported(call)
        }
    }

    private func uploadRoute(
        _ id: String, in name: RepositoryName, _ method: HTTPRequest.Method, _ call: DistributionCall
    ) throws -> DistributionRoute {
        switch method {
        case .patch: call.route("UploadLayerPart", on: name) { try await appendToUpload(id, in: name, call) }
        case .put:
            call.route("CompleteLayerUpload", on: name, and: call.request.body.isEmpty ? [] : ["UploadLayerPart"]) {
                try await finishUpload(id, in: name, call)
            }
        case .get: call.route("UploadLayerPart", on: name) { try await uploadStatus(id, in: name, call) }
        case .delete: call.route("InitiateLayerUpload", on: name) { try await cancelUpload(id, in: name, call) }
        default: throw Self.unsupported(call)
        }
    }

    private static func unsupported(_ call: DistributionCall) -> Refusal {
        Refusal(.unsupported, "The operation is unsupported: \(call.method) here")
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
