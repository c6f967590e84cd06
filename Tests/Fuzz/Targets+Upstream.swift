import WeirCore
import WeirUpstream

extension FuzzTarget {
    private static let now = Timestamp(seconds: 1_800_000_000)

    static let upstream: [FuzzTarget] = [contentRange, retryAfter, quota, challenge, url, address]

    private static let contentRange = FuzzTarget(
        "content-range",
        texts: [
            "bytes 0-4194303/9437184", "bytes 0-0/*", "bytes 0-9223372036854775807/*",
            "bytes 9223372036854775807-9223372036854775807/*", "bytes */5",
        ],
        words: ["bytes ", "-", "/", "*"]
    ) { text in
        guard let range = ContentRange(text) else { return .refused }
        demand(
            range.first >= 0 && range.range.upperBound <= range.size ?? ByteCount.limit,
            "a range of \(range.range) of \(range.size ?? -1)")
        // The arithmetic that its users do with it.
        demand(range.count > 0 && range.range.upperBound + 1 > range.first, "a range whose length is no number")
        return .taken("range", range.size == nil ? "open" : "closed")
    }

    private static let retryAfter = FuzzTarget(
        "retry-after", texts: ["120", "99999999999999999999", "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 9999 23:59:60 GMT"],
        words: ["GMT", "Feb", ":"]
    ) { text in
        guard let wait = RetryAfter.parse(text, now: now) else { return .refused }
        demand(wait >= .zero && wait <= .seconds(86_400), "a wait of \(wait)")
        _ = now + wait
        return .taken("wait")
    }

    private static let quota = FuzzTarget(
        "quota", texts: ["100;w=21600\n76;w=21600", "100\n0", "100, 5;w=1\n999999999999999999;w=999999999999999999"],
        words: [";w=", ",", "\n"]
    ) { text in
        let halves = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let quota = RateLimits.quota(limit: halves[0], remaining: halves.count > 1 ? halves[1] : halves[0], at: now) else {
            return .refused
        }
        demand(quota.remaining >= 0, "a quota of \(quota.remaining)")
        if let window = quota.window { _ = now + window }
        return .taken(quota.window == nil ? "quota" : "window", quota.limit == nil ? "" : "limit")
    }

    private static let challenge = FuzzTarget(
        "challenge",
        texts: [
            #"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull""#,
            #"Basic realm="a, b", Bearer realm="https://x""#, "Negotiate abc==, Basic realm=x",
        ], words: ["Bearer ", "Basic ", "realm=\"", "\\\"", ",", "==", "scope="]
    ) { text in .taken(Challenge.parse(text).map { $0.parameters.isEmpty ? "bare" : "with" }.joined(separator: " ")) }

    private static let url = FuzzTarget(
        "url",
        texts: [
            "https://registry.example/v2/a?x=1#y", "http://127.0.0.1:5000/", "//other.example/x", "../x?y",
            "https://[::1]:443/%2e%2e/", "https://user@host:99999/", "?only=query",
        ],
        words: ["https://", "http://", "//", "@", ":", "[", "]", "%2F", "..", "?", "#", "xn--"]
    ) { text in
        outcome {
            let base = try OutboundURL("https://registry.example/v2/a/b")
            let resolved = Result { try base.resolving(text) }
            let url = try OutboundURL(text)
            demand((try? OutboundURL(url.wire)) == url, "a URL is another one when it is written and read")
            if case .success(let resolved) = resolved {
                return .taken("both", resolved.description.utf8.count > 30 ? "long" : "short")
            }
            return .taken("whole")
        }
    }

    private static let address = FuzzTarget(
        "address", texts: ["127.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]", "[fe80::1%25eth0]", "0x7f.1", "256.1.1.1"],
        words: [".", ":", "::", "[", "]"]
    ) { text in
        var kinds: [String] = []
        if let address = IPAddress(text) {
            kinds.append("address \(address.objection == nil)")
            demand(IPAddress("\(address)") == address, "an address is another one when it is written and read")
        }
        if (try? URLHost(text)) != nil { kinds.append("host") }
        return .taken(kinds.joined(separator: " "))
    }
}
