import ConformanceSuites
import Foundation
import Logging
import NIOCore
import TestSupport
import Testing
import WeirApplication
import WeirCore
import WeirIdentity
import WeirRegistry
import WeirSigV4
import WeirStorage
import WeirVault
import WeirWeb

/// An AWS door over a whole registry: an in-memory database, a folder of its own, a clock that stands still, and a fake upstream.
final class TestAWS: Sendable {
    static let accessKeyID = "AKIAIOSFODNN7EXAMPLE"
    static let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    static let now = Timestamp(microseconds: 1_800_000_000_123_456)
    static let otherKeyID = "AKIAI44QH8DHBEXAMPLE"

    let door: AWSDoor
    let application: Application
    let id = Application.testHome
    private let folder: TestFolder

    init(extra: [AWSOperation] = [], audit: (any LineSink)? = nil) async throws {
        folder = try TestFolder()
        let clock = WallClock { Self.now }
        application = try await Application.inMemory(
            store: FileBlobStore(folder: folder.path), upstream: FakeUpstream(), clock: clock,
            at: ("http", "localhost:5050")
        ) { _, ports in ports.auditLines = audit }
        try await application.keys.accessKeys.add(id: Self.accessKeyID, secret: Self.secret, account: id.account)
        try await application.keys.accessKeys.add(
            id: Self.otherKeyID, secret: Self.secret, account: AccountID("444455556666"))
        door = AWSDoor(
            credentials: application.credentials, access: application.registry.access,
            operations: application.operations + extra, messages: application.messages,
            settings: AWSSettings(publicHost: "localhost:5050", scheme: .http, home: id), clock: clock,
            newID: { "11111111-2222-4333-8444-555555555555" }, audit: AuditLog(sink: audit, clock: clock),
            strangers: Strangers(logger: Logger(label: "test")))
    }

    var registry: Registry { application.registry }
    var vault: Vault { application.keys.vault }
    var tokens: RegistryTokens { application.tokens }
    var accessKeys: AccessKeys { application.keys.accessKeys }

    /// The door's answer, without log lines.
    func respond(to request: AWSRequest) async -> AWSResponse {
        await withLogger(Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })) { _ in
            await door.respond(to: request)
        }
    }

    /// A request as an SDK sends it, signed.
    func request(
        _ operation: String, body: String, service: AWSService = .ecr, region: String = "us-east-2",
        at moment: Timestamp = now, key: String = accessKeyID, secret: String = secret
    ) -> AWSRequest {
        let headers = [
            (name: "Host", value: "localhost:5050"),
            (name: "Content-Type", value: "application/x-amz-json-1.1"),
            (name: "X-Amz-Target", value: "\(service.targetPrefix ?? service.rawValue).\(operation)"),
        ]
        let signable = SignableRequest(method: "POST", rawPath: "/", rawQuery: "", headers: headers)
        let added = SigV4.sign(
            signable, payloadHash: SigV4.payloadHash(body.utf8),
            credential: SigV4Credential(accessKeyID: key, secret: Array(secret.utf8)), region: region,
            service: service.signingName, at: SigV4Time(seconds: moment.microseconds / 1_000_000))
        return AWSRequest(
            method: "POST", rawPath: "/", rawQuery: "", headers: headers + added, body: ByteBuffer(string: body))
    }

    /// A Query request, signed for `service`.
    func query(
        _ form: String, service: AWSService, region: String = "us-east-1", accept: String? = nil, url: String = ""
    ) -> AWSRequest {
        var headers = [
            (name: "Host", value: "localhost:5050"),
            (name: "Content-Type", value: "application/x-www-form-urlencoded; charset=utf-8"),
        ]
        if let accept { headers.append((name: "Accept", value: accept)) }
        let signable = SignableRequest(method: "POST", rawPath: "/", rawQuery: url, headers: headers)
        let added = SigV4.sign(
            signable, payloadHash: SigV4.payloadHash(form.utf8),
            credential: SigV4Credential(accessKeyID: Self.accessKeyID, secret: Array(Self.secret.utf8)),
            region: region, service: service.rawValue,
            at: SigV4Time(seconds: Self.now.microseconds / 1_000_000))
        return AWSRequest(
            method: "POST", rawPath: "/", rawQuery: url, headers: headers + added, body: ByteBuffer(string: form))
    }

    /// The answer to a call that must succeed.
    @discardableResult
    func call(
        _ operation: String, _ input: JSONValue = [:], of service: AWSService = .ecr, key: String = accessKeyID,
        region: String = "us-east-2", at location: SourceLocation = #_sourceLocation
    ) async throws -> JSONValue {
        let response = await respond(to: request(operation, body: input.text, service: service, region: region, key: key))
        #expect(response.status == 200, "\(String(buffer: response.body))", sourceLocation: location)
        return try JSONValue(parsing: response.body.readableBytesView)
    }

    /// The exception of a call that must be refused, `TYPE: MESSAGE`.
    func refusal(
        _ operation: String, _ input: JSONValue = [:], of service: AWSService = .ecr, key: String = accessKeyID,
        at location: SourceLocation = #_sourceLocation
    ) async throws -> String {
        try Self.refusal(await respond(to: request(operation, body: input.text, service: service, key: key)), at: location)
    }

    static func refusal(_ response: AWSResponse, at location: SourceLocation = #_sourceLocation) throws -> String {
        #expect(response.status == 400, sourceLocation: location)
        let body = try JSONValue(parsing: response.body.readableBytesView)
        let type = try #require(body["__type"]?.string, sourceLocation: location)
        #expect(response.header("x-amzn-ErrorType") == type, sourceLocation: location)
        return "\(type): \(body["message"]?.string ?? body["Message"]?.string ?? "")"
    }
}

extension JSONValue {
    var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    var array: [JSONValue] {
        guard case .array(let values) = self else { return [] }
        return values
    }

    var names: [String] {
        guard case .object(let members) = self else { return [] }
        return members.keys.sorted()
    }
}
