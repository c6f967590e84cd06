import NIOCore
import NIOHTTP1
import WeirCore
import WeirSigV4

/// One request to an AWS service, signed with Signature Version 4. Redirects are not followed: these operations have none.
struct AWSCall: Sendable {
    let service: String
    let region: String
    let contentType: String
    let target: String?
    let body: String

    static func ecr(_ operation: String, region: String, body: String) -> AWSCall {
        AWSCall(
            service: "ecr", region: region, contentType: "application/x-amz-json-1.1",
            target: "AmazonEC2ContainerRegistry_V20150921.\(operation)", body: body)
    }

    static func sts(_ form: String, region: String) -> AWSCall {
        AWSCall(
            service: "sts", region: region, contentType: "application/x-www-form-urlencoded; charset=utf-8", target: nil,
            body: form)
    }

    /// The request to `upstream`, signed by `keys`.
    func request(to upstream: Upstream, by keys: AWSKeys, at time: Timestamp) -> OutboundRequest {
        let url = upstream.base
        var headers = [(name: "Host", value: url.origin.authority), (name: "Content-Type", value: contentType)]
        if let target { headers.append((name: "X-Amz-Target", value: target)) }
        let signed = SigV4.sign(
            SignableRequest(method: "POST", rawPath: url.path, rawQuery: "", headers: headers),
            payloadHash: SigV4.payloadHash(body.utf8),
            credential: SigV4Credential(
                accessKeyID: keys.accessKeyID, secret: Array(keys.secretAccessKey.utf8), sessionToken: keys.sessionToken),
            region: region, service: service, at: SigV4Time(seconds: time.microseconds / 1_000_000))
        var plain = HTTPHeaders((headers + signed).filter { $0.name != "Host" && $0.name != "Authorization" })
        plain.replaceOrAdd(name: "Accept", value: target == nil ? "text/xml" : "application/json")
        return OutboundRequest(
            kind: .post, url: url, plainHeaders: plain, authorization: signed.first { $0.name == "Authorization" }?.value,
            body: ByteBuffer(string: body))
    }
}
