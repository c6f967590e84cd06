import HTTPTypes
import NIOCore
import WeirCore
import WeirRegistry
import WeirServer

extension DistributionAPI {
    /// `GET /v2/<name>/referrers/<digest>`: an index of the manifests that refer to a manifest. Without any, the index is empty
    /// and never a 404: clients would take that for a registry without this API.
    func referrers(of digest: Digest, in name: RepositoryName, _ call: DistributionCall) async throws -> Reply {
        let query = call.query
        let types = Set(query.all("artifactType").filter { !$0.isEmpty }).sorted()
        guard types.count <= Self.mostTypes else {
            throw Refusal(.invalidParameter, "A request may name \(Self.mostTypes) artifact types at most")
        }
        let limit = max(1, try Self.limit(query["n"]))
        let page = try await registry.referrers.list(
            of: digest, in: name, of: call.registry, for: call.caller, ReferrerFilter(artifactTypes: types),
            after: query["last"], limit: limit)
        var headers: HTTPFields = [.contentType: MediaType.ociIndex]
        if !types.isEmpty { headers[.filtersApplied] = "artifactType" }
        if let next = page.next {
            let filters = types.map { "artifactType=\(PercentText.encoded($0))&" }.joined()
            headers[.link] =
                "</v2/\(name)/referrers/\(digest)?\(filters)last=\(PercentText.encoded(next))&n=\(limit)>; rel=\"next\""
        }
        if let warning = page.warning { headers[.warning] = Self.stale(warning) }
        let manifests = page.referrers.map(Self.descriptor).joined(separator: ",")
        let body = "{\"schemaVersion\":2,\"mediaType\":\(JSONText.quoted(MediaType.ociIndex)),\"manifests\":[\(manifests)]}"
        return call.reply(.ok, headers, .bytes(ByteBuffer(string: body)))
    }

    /// Each type makes a further statement of the database.
    private static let mostTypes = 20

    private static func descriptor(_ referrer: Referrer) -> String {
        var members = [
            "\"mediaType\":\(JSONText.quoted(referrer.mediaType))", "\"digest\":\"\(referrer.digest)\"",
            "\"size\":\(referrer.size)",
        ]
        if let type = referrer.artifactType { members.append("\"artifactType\":\(JSONText.quoted(type))") }
        if !referrer.annotations.isEmpty {
            let annotations = referrer.annotations.sorted { $0.key < $1.key }.map { name, value in
                "\(JSONText.quoted(name)):\(JSONText.quoted(value))"
            }
            members.append("\"annotations\":{\(annotations.joined(separator: ","))}")
        }
        return "{\(members.joined(separator: ","))}"
    }

    /// RFC 7234, 5.5.1: "Response is stale". Quotes in the text are replaced.
    static func stale(_ warning: String) -> String {
        "110 - \"\(String(warning.map { $0 == "\"" || $0 == "\\" ? "'" : $0 }))\""
    }
}
