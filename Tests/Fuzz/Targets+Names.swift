import WeirCore
import WeirText

extension FuzzTarget {
    private static let hex = String(repeating: "0a", count: 32)

    static let names: [FuzzTarget] = [
        FuzzTarget(
            "digest", texts: ["sha256:\(hex)", "sha512:\(hex)\(hex)", "sha256:", "sha1:00"],
            words: ["sha256:", "sha512:", ":", hex]
        ) { text in
            outcome {
                let digest = try Digest(text)
                demand(digest.description == text, "a digest is not what it was read from")
                return .taken("digest")
            }
        },
        FuzzTarget(
            "name", texts: ["a/b", "nginx/nginx", "a__b/c.d-e", "A", "a//b", "123456789012", "us-east-1", "docker-hub", "ROOT"]
        ) { text in
            var kinds: [String] = []
            if (try? RepositoryName(text)) != nil { kinds.append("repository") }
            if (try? Tag(text)) != nil { kinds.append("tag") }
            if (try? Reference(text)) != nil { kinds.append("reference") }
            if (try? AccountID(text)) != nil { kinds.append("account") }
            if (try? Region(text)) != nil { kinds.append("region") }
            if (try? Prefix(text, lengths: 2...256)) != nil { kinds.append("prefix") }
            return .taken(kinds.joined(separator: " "))
        },
        FuzzTarget("glob", texts: ["v*\nv1", "*a*b*c\naabbcc", "?\nx", "\n"], words: ["*", "?", "**"]) { text in
            let halves = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
            let subject = halves.count > 1 ? String(halves[1].prefix(300)) : ""
            return .taken(Glob(String(halves[0].prefix(300)), questionMarks: true).matches(subject) ? "match" : "miss")
        },
        FuzzTarget(
            "trace",
            texts: [
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            ],
            words: ["00-", "-01", "rojo=00f067aa0ba902b7"]
        ) { text in TraceContext(traceparent: text, tracestate: text) == nil ? .refused : .taken("trace") },
        FuzzTarget(
            "moment", texts: ["2026-11-30T02:41:20Z", "1969-12-31T23:59:59.999Z", "2026-11-30T02:41:20+01:00"],
            words: ["T", "Z", "-", ":"]
        ) { text in
            Timestamp(iso8601: text) == nil ? .refused : .taken("moment")
        },
        FuzzTarget("hex", texts: ["00ff", "0", "FF"]) { text in Hex.decode(text) == nil ? .refused : .taken("bytes") },
    ]
}
