import WeirCore
import WeirIdentity
import WeirRegistry

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The registry's token.
struct RegistryOperations: Sendable {
    let registry: Registry
    let tokens: RegistryTokens

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "GetAuthorizationToken", may: .registry, authorizationToken)
        ]
    }

    /// One token, or one for each named registry. All are equally valid.
    private func authorizationToken(_ call: AWSCall) async throws -> JSONValue {
        let accounts = try call.input.optionalNouns("registryIds", count: 1...10, pattern: AWSCall.accountPattern) {
            (text: String) throws(NameError) in try AccountID(text)
        }
        let data = try (accounts ?? [call.registry.account]).map { _ -> JSONValue in
            let (password, expiresAt) = try tokens.issue(
                for: call.caller, accessKeyID: call.accessKeyID, region: call.registry.region, at: call.now)
            let token = Data("\(RegistryTokens.user):\(password)".utf8).base64EncodedString()
            return [
                "authorizationToken": .string(token), "expiresAt": .timestamp(expiresAt),
                "proxyEndpoint": .string(call.settings.endpoint),
            ]
        }
        return ["authorizationData": .array(data)]
    }
}
