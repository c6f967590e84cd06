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
    /// Who has called without a signature, once that is known.
    let webCaller = WebCaller()

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
    /// The server's own registry: calls without a signature name no other one.
    package let home: RegistryID

    /// A policy that names a condition key which this server never fills is refused, and not only warned of.
    package var refusesUnfilledKeys = false
    /// The keys of an organization are filled (`--organization`).
    package var hasOrganization = false

    package enum Scheme: String, Sendable { case http, https }

    package init(publicHost: String, scheme: Scheme, home: RegistryID) {
        self.publicHost = publicHost
        self.scheme = scheme
        self.home = home
    }

    /// ECR's `proxyEndpoint`.
    package var endpoint: String { "\(scheme.rawValue)://\(publicHost)" }
}

/// A row of the AWS door's table: the operation, and the rights that its caller needs.
package struct AWSOperation: Sendable {
    package typealias Handler = @Sendable (AWSCall) async throws -> JSONValue

    package let service: AWSService
    package let name: String
    package let shape: AnswerShape
    /// Called without a signature: what proves the caller is in the input.
    let isUnsigned: Bool
    private let permission: OperationPermission
    private let handler: Handler

    /// - Parameters:
    ///   - permission: demands the action `SERVICE:NAME`, unless it names another.
    ///   - shape: what Query's XML must know of the answer.
    ///   - isUnsigned: the caller needs no signature.
    package init(
        _ service: AWSService, _ name: String, may permission: OperationPermission, answers shape: AnswerShape = .structure,
        isUnsigned: Bool = false, _ handler: @escaping Handler
    ) {
        self.service = service
        self.name = name
        self.permission = permission
        self.shape = shape
        self.isUnsigned = isUnsigned
        self.handler = handler
    }

    /// An operation whose success has no answer, `DeleteUser` for example.
    package init(
        _ service: AWSService, _ name: String, may permission: OperationPermission,
        doing handler: @escaping @Sendable (AWSCall) async throws -> Void
    ) {
        self.init(service, name, may: permission, answers: .nothing) { call in
            try await handler(call)
            return [:]
        }
    }

    /// The IAM action with the operation's name.
    package var action: String { "\(service.rawValue):\(name)" }

    /// Checks the caller's rights, then runs the operation.
    ///
    /// - Parameter allowed: is told which statement allowed it, where one did.
    package func answer(
        _ call: AWSCall, _ access: Access, allowed: (AuthorizationDecision.Decider) -> Void = { _ in }
    ) async throws -> JSONValue {
        for demand in try await permission.demands(call, action) {
            if let decider = try await access.permit(caller(of: call, for: demand), demand) { allowed(decider) }
        }
        return try await handler(call)
    }

    /// The caller with its ARN in the partition of what is decided about. For what belongs to no region, a caller must not choose
    /// by its signature which ARN a Deny on `aws:PrincipalArn` is compared with.
    private func caller(of call: AWSCall, for demand: AccessDemand) -> Caller {
        switch demand.resource {
        case .repository(_, in: let registry), .registry(let registry), .repositories(in: let registry):
            call.caller.seen(in: registry.region)
        case .own where service == .weir: call.caller.seen(in: call.settings.home.region)
        case .own, .key, .secret: call.caller
        }
    }
}

/// What an operation's answer is beside what JSON shows of it: Query's XML writes maps in another way than structures, and no
/// result at all for an operation that has none.
package struct AnswerShape: Sendable, Equatable {
    /// The names of members that are maps, wherever they are in the answer.
    let maps: Set<String>
    let isNothing: Bool

    /// Structures, lists and scalars.
    package static let structure = AnswerShape(maps: [], isNothing: false)
    /// No answer: `{}` in JSON.
    package static let nothing = AnswerShape(maps: [], isNothing: true)
    /// Maps under these names.
    package static func maps(_ names: String...) -> AnswerShape { AnswerShape(maps: Set(names), isNothing: false) }
}
