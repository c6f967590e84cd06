package import WeirCore

/// `ratelimit-limit: 100;w=21600`, `ratelimit-remaining: 76;w=21600`: Docker Hub's headers, and those of others who spell them
/// likewise.
package enum RateLimits {
    /// What the headers say, or nil where they do not say how much is left.
    package static func quota(
        limit: String?, remaining: String?, at now: Timestamp
    ) -> UpstreamStatus.Quota? {
        guard let left = remaining.flatMap(parse) else { return nil }
        let most = limit.flatMap(parse)
        return UpstreamStatus.Quota(
            limit: most?.count, remaining: left.count, window: left.window ?? most?.window, at: now)
    }

    /// A number, and its window in seconds. Of several policies in one header the first is the one that is spent.
    static func parse(_ header: String) -> (count: Int, window: Duration?)? {
        let policy = header.prefix { $0 != "," }.split(separator: ";", omittingEmptySubsequences: false)
        guard let first = policy.first, let count = number(first) else { return nil }
        let window = policy.dropFirst().compactMap { parameter -> Int? in
            let halves = parameter.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " } }
            return halves.count == 2 && halves[0] == "w" ? number(halves[1]) : nil
        }.first
        return (count, window.map { .seconds(min($0, 366 * 86_400)) })
    }

    private static func number(_ text: some StringProtocol) -> Int? {
        let digits = String(text.filter { $0 != " " })
        guard !digits.isEmpty, digits.utf8.count <= 18, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(digits)
    }
}
