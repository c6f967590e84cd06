package import WeirCore
package import WeirRegistry

/// One authenticated call: who asks whom for what. What operations work on.
package struct AWSCall: Sendable {
    /// The caller's account in the region that the signature is for.
    package let registry: RegistryID
    package let caller: Caller
    package let accessKeyID: String
    package let requestID: String
    package let now: Timestamp
    package let input: Parameters
    package let settings: AWSSettings
    /// What the caller is told besides the answer.
    package let warnings = CallWarnings()

    package init(
        registry: RegistryID, caller: Caller, accessKeyID: String, requestID: String, now: Timestamp,
        input: Parameters, settings: AWSSettings
    ) {
        self.registry = registry
        self.caller = caller
        self.accessKeyID = accessKeyID
        self.requestID = requestID
        self.now = now
        self.input = input
        self.settings = settings
    }
}

/// What the AWS door needs to know of the server that it is part of.
package struct AWSSettings: Sendable {
    /// `HOST[:PORT]` as clients reach it: the beginning of every `repositoryUri`.
    package let publicHost: String
    package let scheme: Scheme

    package enum Scheme: String, Sendable { case http, https }

    package init(publicHost: String, scheme: Scheme) {
        self.publicHost = publicHost
        self.scheme = scheme
    }

    /// ECR's `proxyEndpoint`.
    package var endpoint: String { "\(scheme.rawValue)://\(publicHost)" }
}

/// A row of the AWS door's table: what is done, and what whoever wants it must be allowed.
package struct AWSOperation: Sendable {
    package typealias Handler = @Sendable (AWSCall) async throws -> JSONValue

    package let service: AWSService
    package let name: String
    private let permission: OperationPermission
    private let handler: Handler

    /// - Parameter permission: by the action `SERVICE:NAME`, where it names no other.
    package init(_ service: AWSService, _ name: String, may permission: OperationPermission, _ handler: @escaping Handler) {
        self.service = service
        self.name = name
        self.permission = permission
        self.handler = handler
    }

    /// The IAM action of its name.
    package var action: String { "\(service.rawValue):\(name)" }

    /// Asks whether the caller may, and then does it.
    package func answer(_ call: AWSCall, _ access: Access) async throws -> JSONValue {
        for demand in try await permission.demands(call, action) { try await access.permit(call.caller, demand) }
        return try await handler(call)
    }
}
