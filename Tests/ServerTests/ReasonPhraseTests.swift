import HTTPTypes
import NIOCore
import Testing
import WeirServer

/// HTTP/1.1's status line, by which most container clients tell people why they were refused.
@Suite struct ReasonPhraseTests {
    private func phrase(_ text: String, _ status: HTTPResponse.Status = .serviceUnavailable) -> String {
        status.saying(text).reasonPhrase
    }

    @Test func theCauseStandsBehindTheStandardWords() {
        let status = HTTPResponse.Status.serviceUnavailable.saying("upstream quay.io: connection refused")
        #expect(status.code == 503 && status.reasonPhrase == "Service Unavailable: upstream quay.io: connection refused")
        #expect(phrase("") == "Service Unavailable" && phrase(" \r\n ") == "Service Unavailable")
        #expect(phrase("a", HTTPResponse.Status(code: 599)) == "a")
    }

    @Test(
        "Nothing ends the line or hides in it",
        arguments: [
            "a\r\nX-Evil: 1", "a\nb", "a\rb", "a\u{0}b", "a\u{b}\u{c}b", "a\u{85}b", "a\u{2028}b", "a\u{2029}b", "a\u{7f}b",
            "a\u{1b}[2Jb", "a\tb", "ä\u{301}ö", "日本語", "\u{202e}abc", "a\u{fffd}", "🐳", "a\u{10ffff}", "\u{feff}a",
        ])
    func hostile(text: String) {
        let line = phrase("before \(text) after")
        #expect(line.utf8.allSatisfy { (0x20...0x7e).contains($0) })
        #expect(line.hasPrefix("Service Unavailable: before") && line.hasSuffix("after"))
        #expect(!line.contains("  "))
    }

    @Test(arguments: [0, 1, 100, 130, 138, 139, 140, 150, 1_000, 3_000_000])
    func itIsNoLongerThanItMayBe(length: Int) {
        for text in [
            String(repeating: "x", count: length), String(repeating: "word ", count: length / 5),
            String(repeating: "ö", count: length),
        ] {
            let line = phrase(text)
            #expect(line.utf8.count <= HTTPResponse.Status.longestReason)
            if length > 200 { #expect(line.hasSuffix("...") && line.utf8.count > 100) }
        }
    }

    @Test func itIsCutBehindAWord() {
        let line = phrase("one two three " + String(repeating: "fourfive ", count: 40))
        #expect(line.hasSuffix("fourfive..."))
    }
}

/// The same on the wire.
@Suite(.serialized) struct StatusLineTests {
    private func line(_ reply: Reply, asking method: String = "GET") async throws -> String {
        let (lines, line) = AsyncStream<String>.makeStream()
        try await withListener { _ in
            reply
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("\(method) /v2/ HTTP/1.1\r\nHost: h\r\n\r\n")
            line.yield(try await client.head())
            line.finish()
        }
        for await text in lines { return text }
        return ""
    }

    private static let label = RouteLabel(door: "none", route: "unknown")

    @Test(arguments: ["GET", "HEAD"])
    func theRefusalStandsInIt(method: String) async throws {
        let reply = Reply(.tooManyRequests.saying("upstream quay.io: no more\r\nX-Evil: 1"), label: Self.label)
        #expect(
            try await line(reply, asking: method) == "HTTP/1.1 429 Too Many Requests: upstream quay.io: no more X-Evil: 1")
    }

    @Test func whatIsNoRefusalKeepsItsWords() async throws {
        #expect(try await line(Reply(.ok, label: Self.label)) == "HTTP/1.1 200 OK")
        #expect(try await line(.text(.ok, "ok", label: Self.label)) == "HTTP/1.1 200 OK")
        #expect(
            try await line(Reply(HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage"), label: Self.label))
                == "HTTP/1.1 507 Insufficient Storage")
        #expect(
            try await line(.text(.notFound, "Nothing is here.", label: Self.label)) == "HTTP/1.1 404 Not Found: Nothing is here.")
    }

    @Test(
        "What the listener refuses by itself",
        arguments: [
            (
                "GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 200_000))\r\n\r\n",
                "431 Request Header Fields Too Large: The request's headers"
            ),
            ("nonsense\r\n\r\n", "400 Bad Request: The request is not HTTP/1.1"),
            (
                "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}",
                "400 Bad Request: This port speaks plain HTTP, and the client began with TLS"
            ),
        ])
    func listener(sent: String, told: String) async throws {
        try await withListener { _ in
            Reply(.ok, label: Self.label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try? await client.send(sent)
            let line = try await client.head()
            #expect(line.hasPrefix("HTTP/1.1 \(told)"), "\(line)")
        }
    }
}
