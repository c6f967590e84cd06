import HTTPTypes
import NIOCore
import Synchronization
import Testing
import WeirCore

import WeirServer

private let label = RouteLabel(door: "none", route: "unknown")

/// Connections of clients that have not proved who they are, on a real listener.
@Suite(.serialized) struct StrangersServerTests {
    @Test(.timeLimit(.minutes(1))) func aFloodOfConnectionsMakesRoomForTheNextOne() async throws {
        try await withListener(
            settings: {
                $0.maxConnections = 16
            }
        ) { _ in
            Reply.text(.ok, "here", label: label)
        } _: { server in
            var flood: [RawClient] = []
            for number in 0..<60 {
                flood.append(try await RawClient(port: server.port))
                let body = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\nx"
                // Some say nothing, some begin a head, some a body.
                try? await flood[number].send(["", "GET / HT", body][number % 3])
            }
            for _ in 0..<5 {
                let client = try await RawClient(port: server.port)
                try await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(try await client.answer().status == 200)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aCallerKeepsItsPlaceInAFlood() async throws {
        try await withListener(
            settings: {
                $0.maxConnections = 16
            }
        ) { request in
            request.body.prove()
            return Reply.text(.ok, "here", label: label)
        } _: { server in
            let caller = try await RawClient(port: server.port)
            try await caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try await caller.answer().status == 200)
            var flood: [RawClient] = []
            for _ in 0..<60 { flood.append(try await RawClient(port: server.port)) }
            try await Task.sleep(for: .milliseconds(200))
            try await caller.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try await caller.answer().status == 200)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aFloodOfCallersGivesUpIdleConnections() async throws {
        try await withListener(
            settings: {
                $0.maxConnections = 16
            }
        ) { request in
            request.body.prove()
            return Reply.text(.ok, "here", label: label)
        } _: { server in
            var clients: [RawClient] = []
            for _ in 0..<24 {
                clients.append(try await RawClient(port: server.port))
                try await clients.last?.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(try await clients.last?.answer().status == 200)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aStrangersDrippingBodyEnds() async throws {
        try await withListener(
            settings: {
                $0.timeouts.strangersBody = .milliseconds(400)
                $0.timeouts.look = .milliseconds(50)
            }
        ) { request in
            let body = try? await request.body.collect(upTo: 100_000)
            return body == nil ? .cut(label) : Reply.text(.ok, "-", label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n")
            var sent = 0
            do {
                while sent < 1_000 {
                    try await client.send("x")
                    sent += 1
                    try await Task.sleep(for: .milliseconds(20))
                }
            } catch {}
            #expect(sent < 1_000)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aRefusedBodyIsNotWaitedForForEver() async throws {
        try await withListener(
            settings: {
                $0.timeouts.strangersBody = .milliseconds(400)
                $0.timeouts.look = .milliseconds(50)
            }
        ) { _ in
            Reply.text(.forbidden, "no", label: label)
        } _: { server in
            let client = try await RawClient(port: server.port)
            try await client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n")
            #expect(try await client.answer().status == 403)
            let dripping = Task {
                for _ in 0..<1_000 {
                    try await client.send("x")
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            #expect(try await client.rest().isEmpty)
            await #expect(throws: (any Error).self) { try await dripping.value }
        }
    }

    @Test func everyAnswerForbidsGuessing() async throws {
        try await withListener { _ in
            Reply.text(.ok, "<html>", label: label)
        } _: { server in
            for request in ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", "nonsense\r\n\r\n"] {
                let client = try await RawClient(port: server.port)
                try await client.send(request)
                #expect(try await client.answer().headers["x-content-type-options"] == "nosniff")
            }
        }
    }
}
