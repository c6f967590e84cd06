package import WeirCore
package import WeirRegistry

/// One authenticated call: the caller, the registry and the input. Operations work on it.
package struct AWSCall: Sendable {
    /// The caller's account in the region that the signature is for.
    package let registry: RegistryID
    package let caller: Caller
    package let accessKeyID: String
    package let requestID: String
    package let now: Timestamp
    package let input: Parameters
    package let settings: AWSSettings
    /// Warnings for the caller, beside the answer.
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

/// What the AWS door needs to know of its server.
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

/// A row of the AWS door's table: the operation, and the rights that its caller needs.
package struct AWSOperation: Sendable {
    package typealias Handler = @Sendable (AWSCall) async throws -> JSONValue

    package let service: AWSService
    package let name: String
    private let permission: OperationPermission
    private let handler: Handler

    /// - Parameter permission: demands the action `SERVICE:NAME`, unless it names another.
    package init(_ service: AWSService, _ name: String, may permission: OperationPermission, _ handler: @escaping Handler) {
        self.service = service
        self.name = name
        self.permission = permission
        self.handler = handler
    }

    /// The IAM action with the operation's name.
    package var action: String { "\(service.rawValue):\(name)" }

    /// Checks the caller's rights, then runs the operation.
    package func answer(_ call: AWSCall, _ access: Access) async throws -> JSONValue {
        for demand in try await permission.demands(call, action) { try await access.permit(call.caller, demand) }
        return try await handler(call)
    }
}
