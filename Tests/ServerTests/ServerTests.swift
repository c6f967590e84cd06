import Logging
import HTTPTypes
import MetricsTestKit
import NIOCore
import ServiceLifecycle
import Synchronization
import Testing
import WeirCore
import WeirServer

private let label = RouteLabel(door: "none", route: "unknown")

/// A blob that says its bytes by their offset, and may fail on the way.
private struct NumberedBody: BlobBody {
    struct Broken: Error {}

    let size: Int64
    var failsAt = Int64.max

    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer {
        guard offset < failsAt else { throw Broken() }
        let end = min(size, failsAt, offset + Int64(count))
        return Pattern.bytes(from: offset, count: Int(max(0, end - offset)))
    }
}

@Suite(.serialized) struct ServerTests {
    @Test func aClientThatAsksFirstIsAnsweredAtOnceAndItsBodyIsTaken() async throws {
        try await withListener { request in
            let body = try? await request.body.collect(upTo: 100)
            return Reply(.ok, [:], .bytes(body ?? ByteBuffer()), label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("PUT /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
            // The client holds its body back until it is told to send it, so this line arrives first or never.
            #expect(try await client.head() == "HTTP/1.1 100 Continue")
            try await client.send("abc")
            let answer = try await client.answer()
            #expect(answer.status == 200)
            #expect(String(decoding: answer.body, as: UTF8.self) == "abc")
        }
    }

    @Test func aRefusedUploadIsToldSoBeforeItsBodyIsSent() async throws {
        try await withListener { _ in
            Reply.text(.unauthorized, "no", label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("PUT /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9000000\r\n\r\n")
            let answer = try await client.answer()
            #expect(answer.status == 401)
            #expect(answer.headers["connection"] == "close")
            #expect(try await client.rest().isEmpty)
        }
    }

    @Test func aBigBodyThatNobodyReadsIsNotSwallowed() async throws {
        try await withListener { _ in
            Reply.text(.notFound, "no", label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000000\r\n\r\n")
            let part = [UInt8](repeating: 1, count: 1 << 20)
            var sent = 0
            do {
                while sent < 1_000 {
                    try await client.send(part)
                    sent += 1
                }
            } catch {}
            #expect(sent < 100)
            let answer = try? await client.answer()
            #expect(answer == nil || answer?.status == 404)
        }
    }

    @Test func aSmallBodyThatNobodyReadsKeepsTheConnection() async throws {
        try await withListener { request in
            Reply.text(request.method == .put ? .notFound : .ok, "-", label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
            let refused = try await client.answer()
            #expect(refused.status == 404)
            #expect(refused.headers["connection"] == nil)
            try await client.send("GET /y HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try await client.answer().status == 200)
        }
    }

    @Test func requestsSentTogetherAreAnsweredInOrder() async throws {
        try await withListener { request in
            Reply.text(.ok, request.rawPath + "|" + request.rawQuery, label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("GET /a%2Fb?x=%20+&y HTTP/1.1\r\nHost: h\r\n\r\nGET //c/../d HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(String(decoding: try await client.answer().body, as: UTF8.self) == "/a%2Fb|x=%20+&y\n")
            #expect(String(decoding: try await client.answer().body, as: UTF8.self) == "//c/../d|\n")
        }
    }

    @Test func requestsSentTogetherKeepTheirBodies() async throws {
        try await withListener { request in
            let body = try? await request.body.collect(upTo: 100)
            return Reply(.ok, [:], .bytes(body ?? ByteBuffer()), label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            let bodies = ["one", "", "three"]
            try await client.send(
                bodies.map { "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: \($0.utf8.count)\r\n\r\n\($0)" }.joined())
            for body in bodies { #expect(String(decoding: try await client.answer().body, as: UTF8.self) == body) }
        }
    }

    @Test func aClientThatHasClosedItsSideGetsItsAnswers() async throws {
        try await withListener { request in
            Reply.text(.ok, request.rawPath, label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n")
            try await client.finishSending()
            #expect(String(decoding: try await client.answer().body, as: UTF8.self) == "/a\n")
            #expect(String(decoding: try await client.answer().body, as: UTF8.self) == "/b\n")
            #expect(try await client.rest().isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aBodyThatBreaksOffBehindAnotherRequestIsAnErrorToo() async throws {
        let outcome = Mutex("")
        try await withListener { request in
            guard request.method == .put else { return Reply.text(.ok, "", label: label) }
            do { for try await _ in request.body {} } catch { outcome.withLock { $0 = "broken" } }
            return .cut(label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send(
                "GET /a HTTP/1.1\r\nHost: h\r\n\r\nPUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nshort")
            try await client.finishSending()
            #expect(try await client.answer().status == 200)
            #expect(try await client.rest().isEmpty)
            #expect(outcome.withLock { $0 } == "broken")
        }
    }

    @Test func aBrokenChunkInABodyThatIsReadIsRefused() async throws {
        try await withListener { request in
            do { for try await _ in request.body {} } catch {}
            return request.body.failure == nil ? Reply.text(.ok, "", label: label) : .cut(label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nnonsense\r\n")
            let answer = try await client.answer()
            #expect(answer.status == 400)
            #expect(answer.headers["connection"] == "close")
            #expect(try await client.rest().isEmpty)
        }
    }

    @Test func aBodyThatCameUnaskedIsNotAskedFor() async throws {
        try await withListener { request in
            let body = try? await request.body.collect(upTo: 100)
            return Reply(.ok, [:], .bytes(body ?? ByteBuffer()), label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("PUT /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3 \r\n\r\nabc")
            var answer = try await client.answer()
            // The head may have been read alone.
            if answer.status == 100 { answer = try await client.answer() }
            #expect(answer.status == 200)
            #expect(String(decoding: answer.body, as: UTF8.self) == "abc")
            try await client.send("GET /y HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try await client.answer().status == 200)
        }
    }

    @Test(.timeLimit(.minutes(1))) func nobodySendsRequestsAheadWithoutEnd() async throws {
        let answered = Count()
        try await withListener { _ in
            answered.value.add(1, ordering: .relaxed)
            return Reply.text(.ok, "", label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
            let sending = Task {
                for _ in 0..<100 { try await client.send(String(repeating: request, count: 10_000)) }
            }
            // What had been taken is answered, and then it is closed.
            _ = try await client.rest()
            #expect(answered.value.load(ordering: .relaxed) < 900_000)
            _ = await sending.result
        }
    }

    private final class Count: Sendable { let value = Atomic(0) }

    @Test(.timeLimit(.minutes(1))) func aClientThatAsksAndDoesNotReadIsNotAnsweredForEver() async throws {
        let answered = Count()
        let text = String(repeating: "x", count: 1 << 20)
        try await withListener { _ in
            answered.value.add(1, ordering: .relaxed)
            return Reply.text(.ok, text, label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send(String(repeating: "GET / HTTP/1.1\r\nHost: h\r\n\r\n", count: 200))
            var before = -1
            while before != answered.value.load(ordering: .relaxed) {
                before = answered.value.load(ordering: .relaxed)
                try await Task.sleep(for: .milliseconds(300))
            }
            // What the kernels of both sides hold, ten or so, and one that waits.
            #expect(before < 150)
            for _ in 0..<200 { #expect(try await client.answer().body.count == text.utf8.count + 1) }
            #expect(answered.value.load(ordering: .relaxed) == 200)
        }
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
    ])
    func whoWantsAnotherProtocolIsAnsweredInThisOneAndThenClosed(request: String) async throws {
        try await withListener { _ in
            Reply.text(.ok, "", label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send(request)
            let answer = try await client.answer()
            #expect(answer.status == 200)
            #expect(answer.headers["connection"] == "close")
            #expect(try await client.rest().isEmpty)
        }
    }

    @Test(arguments: ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"])
    func theLastRequestIsTheLast(request: String) async throws {
        try await withListener { _ in
            Reply.text(.ok, "", label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send(request)
            #expect(try await client.answer().headers["connection"] == "close")
            #expect(try await client.rest().isEmpty)
        }
    }

    struct Unreadable: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let request: String
        let status: Int
    }

    private static let padding = String(repeating: "x", count: 40_000)

    @Test(
        "Requests that cannot be parsed",
        arguments: [
            Unreadable(
                testDescription: "a long header", request: "GET / HTTP/1.1\r\nHost: h\r\nX-Big: \(padding)\r\n\r\n", status: 431),
            Unreadable(
                testDescription: "a long path", request: "GET /\(padding) HTTP/1.1\r\nHost: h\r\n\r\n", status: 431),
            Unreadable(
                testDescription: "many headers",
                request: "GET / HTTP/1.1\r\n" + (0..<300).map { "X-\($0): y\r\n" }.joined() + "\r\n", status: 431),
            Unreadable(testDescription: "no HTTP", request: "this is not HTTP\r\n\r\n", status: 400),
            Unreadable(
                testDescription: "two lengths",
                request: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", status: 400),
            Unreadable(
                testDescription: "a negative length",
                request: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n\r\n", status: 400),
        ])
    func unreadable(_ bad: Unreadable) async throws {
        try await withListener { _ in
            Reply.text(.ok, "", label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send(bad.request)
            let answer = try await client.answer()
            #expect(answer.status == bad.status)
            #expect(answer.headers["connection"] == "close")
            #expect(try await client.rest().isEmpty)
        }
    }

    @Test func anUploadThatBreaksOffIsAnErrorAndNotTheEnd() async throws {
        let outcome = Mutex("")
        try await withListener { request in
            do {
                for try await _ in request.body {}
                outcome.withLock { $0 = "whole" }
            } catch {
                outcome.withLock { $0 = "broken" }
            }
            return request.body.failure == nil ? Reply.text(.ok, "", label: label) : .cut(label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nshort")
            try await client.close()
            for _ in 0..<1500 where outcome.withLock({ $0.isEmpty }) { try await Task.sleep(for: .milliseconds(20)) }
            #expect(outcome.withLock { $0 } == "broken")
        }
    }

    @Test func aBlobIsSentWholeAndHEADSendsItsLengthOnly() async throws {
        let size: Int64 = 3_000_001
        try await withListener { _ in
            let blob = ServedBlob(size: size, body: NumberedBody(size: size))
            return Reply(.ok, [:], .blob(BlobSlice(blob, 0..<size, first: ByteBuffer())), label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try await client.answer(hasBody: false).headers["content-length"] == "\(size)")
            try await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            let answer = try await client.answer()
            #expect(answer.body.count == Int(size))
            #expect(Pattern.matches(answer.body))
        }
    }

    @Test func contentThatCannotBeReadCutsTheConnection() async throws {
        let size: Int64 = 5_000_000
        try await withListener { _ in
            let blob = ServedBlob(size: size, body: NumberedBody(size: size, failsAt: 2_000_000))
            return Reply(.ok, [:], .blob(BlobSlice(blob, 0..<size, first: ByteBuffer())), label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            let answer = try await client.answer()
            #expect(answer.headers["content-length"] == "\(size)")
            #expect(answer.body.count == 2_000_000)
            #expect(Pattern.matches(answer.body))
        }
    }

    @Test func theKernelSendsAFileAndARangeOfIt() async throws {
        let size: Int64 = 17_000_003
        let file = try NumberedFile(size: size)
        try await withListener { request in
            let blob = ServedBlob(size: size, body: file, file: (file.descriptor, 0))
            let range = request.rawPath == "/" ? 0..<size : 7_000_000..<15_000_001
            return Reply(.ok, [:], .blob(BlobSlice(blob, range, first: ByteBuffer())), label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            for (path, range) in [("/", 0..<size), ("/part", 7_000_000..<15_000_001), ("/", 0..<size)] {
                try await client.send("GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n")
                let answer = try await client.answer()
                #expect(answer.body.count == range.count)
                #expect(Pattern.matches(answer.body, from: range.lowerBound))
            }
        }
    }

    @Test(arguments: [false, true])
    func aGracefulStopCutsNoDownloadShort(byTheKernel: Bool) async throws {
        let size: Int64 = 12_000_000
        let file = try NumberedFile(size: size)
        try await withListener { _ in
            let blob = ServedBlob(
                size: size, body: NumberedBody(size: size), file: byTheKernel ? (file.descriptor, 0) : nil)
            return Reply(.ok, [:], .blob(BlobSlice(blob, 0..<size, first: ByteBuffer())), label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            _ = try await client.head()
            try await Task.sleep(for: .milliseconds(100))
            await server.stop()
            let body = try await client.rest(pausing: .milliseconds(2))
            #expect(body.count == Int(size))
            #expect(Pattern.matches(body))
            try await server.ended()
        }
    }

    @Test func aGracefulStopClosesIdleConnectionsAndEnds() async throws {
        try await withListener { _ in
            Reply.text(.ok, "", label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try await client.answer().status == 200)
            let start = ContinuousClock.now
            await server.stop()
            #expect(try await client.rest().isEmpty)
            try await server.ended()
            #expect(.now - start < .seconds(20))
        }
    }

    @Test func everyRequestIsCounted() async throws {
        let metrics = TestMetrics()
        try await withListener(metrics: metrics) { _ in
            Reply.text(.ok, "hello", label: RouteLabel(door: "distribution", route: "blob"))
        } _: { server in
            let client = try await RawClient(port: server.port)
            for method in ["GET", "HEAD", "PROPFIND"] {
                try await client.send("\(method) / HTTP/1.1\r\nHost: h\r\n\r\n")
                _ = try await client.answer(hasBody: method != "HEAD")
            }
        }
        let route = [("door", "distribution"), ("route", "blob")]
        for method in ["GET", "HEAD", "other"] {
            let counter = try metrics.expectCounter("weir_http_requests_total", route + [("method", method), ("status", "200")])
            #expect(counter.totalValue == 1)
        }
        #expect(try metrics.expectCounter("weir_http_response_bytes_total", route + [("method", "GET")]).totalValue == 6)
    }
}
