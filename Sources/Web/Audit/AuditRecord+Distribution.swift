import HTTPTypes
import WeirCore
import WeirServer

/// The `/v2/` door's facts about a call, filled while the answer is made.
struct DistributionTrail: Sendable {
    var caller: Caller?
    var accessKeyID: String?
    var registry: RegistryID?
    var path: DistributionPath?
    /// The caller is signed in, and the path is no address of the API.
    var isLost = false
    var error: (code: String, message: String)?
    var decision: AuditDecision?
}

extension AuditRecord {
    /// A container client's call, as the corresponding ECR operation. Nil for what ECR does not record: a ping, and a first
    /// request without a login, which is how every client begins.
    init?(_ trail: DistributionTrail, _ request: WebRequest) {
        guard let path = trail.path, let operation = Self.operation(path, request) else {
            guard let error = trail.error, !trail.isLost, request.headers[.authorization] != nil else { return nil }
            self.init(
                service: .ecr, operation: "GetAuthorizationToken", caller: trail.caller, accessKeyID: trail.accessKeyID,
                registry: trail.registry, requestID: request.id, parameters: [:], response: nil, error: error)
            return
        }
        var parameters = operation.parameters
        if let registry = trail.registry { parameters = parameters.adding(["registryId": .string("\(registry.account)")]) }
        self.init(
            service: .ecr, operation: operation.name, caller: trail.caller, accessKeyID: trail.accessKeyID,
            registry: trail.registry, requestID: request.id, parameters: parameters, response: nil, error: trail.error,
            decision: trail.decision)
    }

    private typealias Operation = (name: String, parameters: JSONValue)

    private static func operation(_ path: DistributionPath, _ request: WebRequest) -> Operation? {
        let isRead = request.method == .get || request.method == .head
        switch path {
        case .ping: return nil
        case .catalog: return ("DescribeRepositories", [:])
        case .tags(let name): return ("ListImages", of(name))
        case .referrers(let name, let digest):
            return ("ListImageReferrers", of(name).adding(["subjectId": ["imageDigest": .string("\(digest)")]]))
        case .manifest(let name, let reference):
            return manifest(of(name), image(reference), request.method)
        case .blob(let name, let digest):
            let layers: JSONValue = [.string("\(digest)")]
            guard isRead else { return ("BatchDeleteLayer", of(name).adding(["layerDigests": layers])) }
            return request.method == .head
                ? ("BatchCheckLayerAvailability", of(name).adding(["layerDigests": layers]))
                : ("GetDownloadUrlForLayer", of(name).adding(["layerDigest": .string("\(digest)")]))
        case .uploads(let name):
            let mounted = QueryParameters(request.rawQuery)["mount"]
            let name = of(name)
            return mounted == nil
                ? ("InitiateLayerUpload", name) : ("MountLayer", name.adding(["layerDigest": mounted.map { .string($0) }]))
        case .upload(let name, let id):
            let upload = of(name).adding(["uploadId": .string(id)])
            return (request.method == .put ? "CompleteLayerUpload" : isRead ? "GetLayerUpload" : "UploadLayerPart", upload)
        }
    }

    private static func manifest(_ name: JSONValue, _ image: JSONValue, _ method: HTTPRequest.Method) -> Operation {
        switch method {
        case .put: ("PutImage", name.adding(["imageTag": image["imageTag"], "imageDigest": image["imageDigest"]]))
        case .delete: ("BatchDeleteImage", name.adding(["imageIds": [image]]))
        default: ("BatchGetImage", name.adding(["imageIds": [image]]))
        }
    }

    private static func of(_ name: RepositoryName) -> JSONValue { ["repositoryName": .string("\(name)")] }

    private static func image(_ reference: DistributionPath.ManifestReference) -> JSONValue {
        switch reference {
        case .reference(.tag(let tag)): ["imageTag": .string("\(tag)")]
        case .reference(.digest(let digest)): ["imageDigest": .string("\(digest)")]
        case .malformed: [:]
        }
    }
}
