package import WeirCore
import WeirSigV4

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Turns a source of credentials into credentials: reads token files, runs a `credential_process`, and has the server's STS make
/// sessions of roles. The roles are this server's own, and no other STS is asked.
package struct CredentialResolver: Sendable {
    package typealias Contents = @Sendable (String) throws(CommandProblem) -> [UInt8]?
    /// Runs a command line, and returns what it printed.
    package typealias Run = @Sendable (String) throws(CommandProblem) -> [UInt8]

    private let contents: Contents
    private let run: Run
    private let clock: WallClock

    package init(contents: @escaping Contents, run: @escaping Run, clock: WallClock) {
        self.contents = contents
        self.run = run
        self.clock = clock
    }

    // MARK: On this machine

    package func prepare(_ source: CredentialSource) throws(CommandProblem) -> PreparedCredentials {
        switch source {
        case .keys(let credentials): return .keys(credentials)
        case .role(let role, let other): return .role(role, by: try prepare(other))
        case .process(let command, let profile): return .keys(try process(command, profile))
        case .webIdentity(let role, let file):
            guard let bytes = try contents(file) else {
                throw CommandProblem("there is no web identity token: '\(file)' does not exist")
            }
            return .webIdentity(role, try WebIdentityToken(bytes, from: "'\(file)'"))
        }
    }

    private func process(_ command: String, _ profile: String) throws(CommandProblem) -> OperatorCredentials {
        let place = "the credential_process of the profile \(Quoted.text(profile))"
        let output: [UInt8]
        do throws(CommandProblem) { output = try run(command) } catch { throw CommandProblem("\(place) \(error)") }
        guard let document = try? JSONValue(parsing: output), document["Version"] == .integer(1),
            let id = document.text(of: "AccessKeyId"), !id.isEmpty, let secret = document.text(of: "SecretAccessKey"),
            !secret.isEmpty
        else {
            throw CommandProblem(
                "\(place) printed no key: one JSON object is wanted, with Version 1, AccessKeyId and SecretAccessKey")
        }
        if let end = document.text(of: "Expiration").flatMap(Self.moment), end <= clock.now {
            throw CommandProblem("\(place) printed a key whose time is over: run it by hand, and sign in where it gets the key")
        }
        return OperatorCredentials(
            accessKeyID: id, secret: secret, sessionToken: document.text(of: "SessionToken"), from: .process(profile: profile))
    }

    private static func moment(_ text: String) -> Timestamp? {
        (try? Date(text, strategy: .iso8601)).map { Timestamp(seconds: Int64(saturating: $0.timeIntervalSince1970)) }
    }

    // MARK: By the server

    /// - Parameter region: of the signature.
    package func credentials(
        of prepared: PreparedCredentials, at api: any ServerAPI, in region: String
    ) async throws -> OperatorCredentials {
        switch prepared {
        case .keys(let credentials): return credentials
        case .role(let role, let other):
            let by = try await credentials(of: other, at: api, in: region)
            return try await session(
                of: role,
                APIRequest(
                    query: [
                        "Action": "AssumeRole", "Version": Self.version, "RoleArn": role.arn, "RoleSessionName": role.sessionName,
                        "DurationSeconds": role.duration.map { "\($0)" }, "ExternalId": role.externalID,
                    ], of: "sts"),
                signedBy: by, at: api, in: region, source: .role(role.arn, by: by.source))
        case .webIdentity(let role, let token):
            guard api.isPrivate else {
                throw CommandProblem(
                    "a web identity token is not sent to \(api.server) in plain HTTP, where it can be read: give the server TLS")
            }
            return try await session(
                of: role,
                APIRequest(
                    query: [
                        "Action": "AssumeRoleWithWebIdentity", "Version": Self.version, "RoleArn": role.arn,
                        "RoleSessionName": role.sessionName, "DurationSeconds": role.duration.map { "\($0)" },
                        "WebIdentityToken": token.text,
                    ], of: "sts"),
                signedBy: nil, at: api, in: region, source: .webIdentity(role.arn), hiding: [token.text])
        }
    }

    private static let version = "2011-06-15"

    private func session(
        of role: AssumedRole, _ request: APIRequest, signedBy by: OperatorCredentials?, at api: any ServerAPI, in region: String,
        source: OperatorCredentials.Source, hiding secrets: [String] = []
    ) async throws -> OperatorCredentials {
        let answer = try await api.post(request, signedBy: by?.key, in: region)
        if let refusal = answer.refusal {
            let explained = by?.explanation(of: refusal.code, refusal.message, by: api.server)
            throw CommandProblem(
                explained
                    ?? "the server at \(api.server) gives no session of the role \(role.arn): "
                    + Redaction.text(refusal.description, hiding: secrets + (by?.secrets ?? [])))
        }
        let operation = by == nil ? "AssumeRoleWithWebIdentity" : "AssumeRole"
        let keys = answer.document["\(operation)Response"]?["\(operation)Result"]?["Credentials"] ?? .null
        guard let id = keys.text(of: "AccessKeyId"), let secret = keys.text(of: "SecretAccessKey"),
            let token = keys.text(of: "SessionToken"), !id.isEmpty, !secret.isEmpty, !token.isEmpty
        else {
            throw CommandProblem("the server at \(api.server) answered \(operation) without keys: is it a Weir of this version?")
        }
        return OperatorCredentials(accessKeyID: id, secret: secret, sessionToken: token, from: source)
    }
}
