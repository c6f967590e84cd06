import WeirCore

extension RuleOptions {
    /// The column. Members that say nothing are left out, so that what an older server wrote reads as the default.
    private struct Stored: Codable {
        var freshness: Int64?
        var pinnedTags: [String]?
        var fetch: String?
        var platforms: [String]?
        var tags: String?
        var referrersFreshness: Int64?
        var connections: Int?
        var requestsPerSecond: Double?
        var bytesPerSecond: Int64?
        var plainHTTP: Bool?
        var pathPrefix: String?
    }

    var stored: SQLValue {
        get throws {
            guard self != RuleOptions() else { return .null }
            var row = Stored()
            row.freshness = freshness?.microseconds
            row.pinnedTags = pinnedTags.isEmpty ? nil : pinnedTags
            switch fetch {
            case .requested: break
            case .all: row.fetch = "all"
            case .platforms(let names): row.platforms = names
            }
            row.tags = tagList == .local ? nil : tagList.rawValue
            row.referrersFreshness = referrersFreshness?.microseconds
            row.connections = connections
            row.requestsPerSecond = requestsPerSecond
            row.bytesPerSecond = bytesPerSecond
            row.plainHTTP = plainHTTP ? true : nil
            row.pathPrefix = pathPrefix
            return .text(try StoredJSON.text(row))
        }
    }

    init(stored text: String?) throws {
        self.init()
        guard let text else { return }
        let row: Stored = try StoredJSON.read(text)
        freshness = row.freshness.map { .microseconds($0) }
        pinnedTags = row.pinnedTags ?? []
        if let platforms = row.platforms { fetch = .platforms(platforms) } else if row.fetch == "all" { fetch = .all }
        tagList = row.tags.flatMap { TagList(rawValue: $0) } ?? .local
        referrersFreshness = row.referrersFreshness.map { .microseconds($0) }
        connections = row.connections
        requestsPerSecond = row.requestsPerSecond
        bytesPerSecond = row.bytesPerSecond
        plainHTTP = row.plainHTTP ?? false
        pathPrefix = row.pathPrefix
    }
}
