import HTTPTypes
import NIOCore
import WeirCore
import WeirRegistry
import WeirServer

extension DistributionAPI {
    /// The largest page, and the default without `n`: ECR's limit.
    static let maxPage = 1_000

    /// `GET /v2/<name>/tags/list`
    func tags(of name: RepositoryName, _ call: DistributionCall) async throws -> Reply {
        let query = call.query
        let limit = try Self.limit(query["n"])
        // OCI 1.1, "Listing Tags": n=0 is an empty list without a link. The repository must still be there.
        let (page, warning) = try await registry.pulls.tags.list(
            in: name, of: call.registry, for: call.caller, after: query["last"], limit: max(1, limit))
        let tags = limit == 0 ? [] : page.items.map(\.description)
        var headers: HTTPFields = [.contentType: "application/json"]
        if let warning { headers[.warning] = Self.stale(warning) }
        if limit > 0, let next = page.next {
            headers[.link] = Self.link("/v2/\(name)/tags/list", limit, after: next)
        }
        let body = "{\"name\":\(JSONText.quoted("\(name)")),\"tags\":\(JSONText.list(tags))}\n"
        return call.reply(.ok, headers, .bytes(ByteBuffer(string: body)))
    }

    /// `GET /v2/_catalog`
    func catalog(_ call: DistributionCall) async throws -> Reply {
        let query = call.query
        let limit = try Self.limit(query["n"])
        let page = try await registry.access.repositories(
            visibleTo: call.caller, in: call.registry, after: query["last"], limit: max(1, limit))
        let names = limit == 0 ? [] : page.items.map(\.name.description)
        var headers: HTTPFields = [.contentType: "application/json"]
        if limit > 0, let next = page.next { headers[.link] = Self.link("/v2/_catalog", limit, after: next) }
        return call.reply(
            .ok, headers, .bytes(ByteBuffer(string: "{\"repositories\":\(JSONText.list(names))}\n")))
    }

    private static func link(_ path: String, _ limit: Int, after last: String) -> String {
        "<\(path)?last=\(PercentText.encoded(last))&n=\(limit)>; rel=\"next\""
    }

    /// Parses `n`. Clients that ask for too much look for ECR's sentence, and for the number in it.
    static func limit(_ text: String?) throws(Refusal) -> Int {
        guard let text, !text.isEmpty else { return maxPage }
        guard text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
            throw invalid("Member must be a number greater than or equal to 0")
        }
        guard let number = Int(text), number <= maxPage else {
            throw invalid("Member must have value less than or equal to \(maxPage)")
        }
        return number
    }

    private static func invalid(_ constraint: String) -> Refusal {
        Refusal(
            .invalidParameter, "Invalid parameter at 'maxResults' failed to satisfy constraint: '\(constraint)'")
    }
}
