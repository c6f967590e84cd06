import WeirCore
import NIOCore
import WeirSigV4
import WeirWeb

extension FuzzTarget {
    private static let hex = String(repeating: "0a", count: 32)

    static let wire: [FuzzTarget] = [json, signature, path, range, chunk, host, moment]

    private static let json = FuzzTarget(
        "json",
        seeds: [
            #"{"repositoryName":"a","maxResults":100,"tags":[{"Key":"a","Value":"b"}],"x":[1,2.5,-3e10,true,false,null,"\u00e9\ud83d\ude00\n"]}"#,
            "[[[]]]", "1e300", "\"\"",
        ],
        words: ["{\"a\":", "[", "]", "}", ",", "\\u0000", "\\ud800\\udc00", "1e999", "-", "true", "null", "\"\\"]
    ) { bytes in
        outcome {
            let value = try JSONValue(parsing: bytes)
            let written = value.bytes
            demand(
                try JSONValue(parsing: written.readableBytesView).bytes == written,
                "a JSON value is another one when it is written and read")
            return .taken(
                String(
                    decoding: written.readableBytesView.filter { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") },
                    as: UTF8.self))
        }
    }

    private static let signature = FuzzTarget(
        "signature",
        texts: [
            """
            POST / 
            host: localhost:5050
            x-amz-date: 20261130T024120Z
            x-amz-target: AmazonEC2ContainerRegistry_V20150921.DescribeRepositories
            authorization: AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261130/us-east-1/ecr/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=\(hex)
            """,
            """
            GET / Action=GetCallerIdentity&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAEXAMPLE%2F20261130%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20261130T024120Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=\(hex)
            host: localhost
            """,
        ],
        words: [
            "host;", "x-amz-date", "SignedHeaders=", "Credential=", "Signature=", "X-Amz-Expires=", "aws4_request", "%2F", "&",
            ";", "99991231T235959Z", "00000101T000000Z",
        ]
    ) { text in
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let words = lines[0].split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        let headers = lines.dropFirst().prefix(200).map { line -> (name: String, value: String) in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            return (String(line[..<colon]), String(line[colon...].dropFirst().drop { $0 == " " }))
        }
        let request = SignableRequest(
            method: words[0], rawPath: words.count > 1 ? words[1] : "/", rawQuery: words.count > 2 ? words[2] : "",
            headers: headers)
        return outcome {
            guard let claim = try SigV4.claim(of: request) else { return .taken("unsigned") }
            let isRight = SigV4.verify(claim, request: request, payloadHash: SigV4.payloadHash([]), secret: [1, 2, 3])
            demand(!isRight, "a signature of nobody is right")
            return .taken("claim", claim.form == .header ? "header" : "query")
        }
    }

    private static let path = FuzzTarget(
        "path",
        texts: [
            "/v2/", "/v2/a/b/manifests/latest", "/v2/a/blobs/sha256:\(hex)", "/v2/a/blobs/uploads/0f7d", "/v2/a/tags/list",
            "/v2/a/referrers/sha256:\(hex)", "/v2/_catalog",
        ],
        words: ["/manifests/", "/blobs/", "/uploads/", "%2F", "%2e%2e", "//", "/../"]
    ) { text in
        outcome {
            switch try DistributionPath("/v2/" + text.drop { $0 == "/" }) {
            case .manifest(_, .malformed): .taken("malformed")
            case .manifest: .taken("manifest")
            case .blob, .referrers: .taken("digest")
            case .upload, .uploads: .taken("upload")
            case .ping, .catalog, .tags: .taken("list")
            }
        }
    }

    private static let range = FuzzTarget(
        "range", texts: ["bytes=0-99", "bytes=-5", "bytes=5-", "bytes=0-0,5-6", "bytes=9223372036854775806-9223372036854775807"],
        words: ["bytes=", "-", ","]
    ) { text in
        var kinds: [String] = []
        for size: Int64 in [0, 1, 100, 54_525_952_000, .max - 1, .max] {
            switch ByteRange(text, size: size) {
            case .part(let part):
                demand(part.lowerBound >= 0 && part.upperBound <= size && !part.isEmpty, "a part lies outside of \(size) bytes")
                kinds.append("part")
            case .whole: kinds.append("whole")
            case .unsatisfiable: kinds.append("none")
            }
        }
        return .taken(kinds.joined(separator: " "))
    }

    private static let chunk = FuzzTarget(
        "chunk", texts: ["0-99", "bytes 0-4/5", "9223372036854775806-9223372036854775806"], words: ["bytes ", "-", "/"]
    ) { text in
        guard let range = ChunkRange(text) else { return .refused }
        demand(range.first >= 0 && range.last >= range.first && range.count > 0, "a chunk of \(range.first)-\(range.last)")
        return .taken("chunk")
    }

    private static let host = FuzzTarget(
        "host",
        texts: [
            "123456789012.dkr.ecr.us-east-1.amazonaws.com:443", "123456789012.dkr-ecr.eu-west-1.on.aws", "localhost:5050",
            "[::1]:80",
        ]
    ) { text in
        RegistryHost.registry(named: text) == nil ? .refused : .taken("registry")
    }

    private static let moment = FuzzTarget(
        "signed-moment", texts: ["20261130T024120Z", "Mon, 30 Nov 2026 02:41:20 GMT", "99991231T235959Z"],
        words: ["T", "Z", "GMT"]
    ) { text in
        var kinds: [String] = []
        if let time = SigV4Time(text) {
            demand(SigV4Time(time.description) == time, "a signed moment is another one when it is written and read")
            kinds.append("basic")
        }
        if SigV4Time(httpDate: text) != nil { kinds.append("http") }
        return .taken(kinds.joined(separator: " "))
    }
}
