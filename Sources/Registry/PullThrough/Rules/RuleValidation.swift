package import WeirCore

/// The outcome of trying out a cache rule.
package struct RuleValidation: Sendable {
    /// The steps, in their order.
    package enum Step: String, Sendable, CaseIterable {
        case secret = "reading the secret"
        case address = "checking the address"
        case name = "looking up the name"
        case connection = "connecting"
        case tls = "speaking TLS"
        case login = "authenticating"
        case request = "asking for an image"

        init(_ step: UpstreamError.Step) {
            self =
                switch step {
                case .address: .address
                case .name: .name
                case .connection: .connection
                case .tls: .tls
                case .login: .login
                case .request: .request
                }
        }
    }

    package struct Failure: Sendable, Equatable {
        package let step: Step
        /// How it failed, with what to do. Safe to show.
        package let message: String
    }

    package let rule: CacheRule
    /// Why it will not work; nil where it will.
    package let failed: Failure?

    /// One sentence that names the step.
    package var failure: String? { failed.map { "It failed at \($0.step.rawValue). \($0.message)" } }
    package var isValid: Bool { failed == nil }
}
