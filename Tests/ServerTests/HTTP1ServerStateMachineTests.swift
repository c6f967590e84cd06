import NIOCore
import NIOHTTP1
import Testing
import WeirServer

/// The machine alone, event by event.
@Suite struct HTTP1ServerStateMachineTests {
    typealias Machine = HTTP1ServerStateMachine
    typealias Action = HTTP1ServerStateMachine.Action

    enum Event {
        case head(HTTPRequestHead), body(Int), end
        /// The head of a response is written; whether it has to say `connection: close`.
        case responseBegins(saysClose: Bool)
        case responseEnds
        case requestEnds(canGoOn: Bool)
        case continues, pipelined
        case parserFails, inputCloses, refusalWritten
        case drains, makesRoom, flushes, aborts
        /// The connection has closed; whether a request of it is still being answered.
        case closes(isAbandoned: Bool)
    }

    private static func head(
        _ method: HTTPMethod = .GET, _ headers: HTTPHeaders = [:], version: HTTPVersion = .http1_1, uri: String = "/"
    ) -> HTTPRequestHead {
        HTTPRequestHead(version: version, method: method, uri: uri, headers: headers)
    }

    private static let get = head()
    private static let next = head(uri: "/next")
    private static let last = head(.GET, ["connection": "close"])
    private static let small = head(.PUT, ["content-length": "5"])
    private static let big = head(.PUT, ["content-length": "10000000000"])
    private static let chunked = head(.PUT, ["transfer-encoding": "chunked"])
    private static let asking = head(.PUT, ["content-length": "5", "expect": "100-continue"])
    private static func bytes(_ count: Int) -> ByteBuffer { ByteBuffer(repeating: 7, count: count) }

    private static func apply(_ event: Event, to machine: inout Machine) -> Action? {
        let now = NIODeadline.uptimeNanoseconds(1)
        switch event {
        case .head(let head): return machine.partRead(.head(head), at: now)
        case .body(let count): return machine.partRead(.body(bytes(count)), at: now)
        case .end: return machine.partRead(.end(nil), at: now)
        case .responseBegins(let saysClose):
            let isToldTo = machine.responseBegins()
            #expect(isToldTo == saysClose)
            let mayWrite = machine.mayWrite()
            #expect(mayWrite)
            return Action.none
        case .responseEnds: return machine.responseEnded()
        case .requestEnds(let canGoOn): return machine.requestEnded(canGoOn: canGoOn, at: now)
        case .continues:
            machine.continueWritten()
            return Action.none
        case .pipelined: return machine.nextPipelined()
        case .parserFails: return machine.inputFailed(HTTPParserError.invalidChunkSize)
        case .inputCloses: return machine.inputClosed()
        case .refusalWritten:
            let mayWrite = machine.mayWrite()
            #expect(mayWrite)
            return machine.refusalWritten()
        case .drains: return machine.drain()
        case .makesRoom: return machine.makeRoom()
        case .flushes: return machine.flushed()
        case .aborts:
            machine.abort()
            return Action.none
        case .closes(let isAbandoned):
            let isLeft = machine.closed()
            #expect(isLeft == isAbandoned)
            return Action.none
        }
    }

    struct Story: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let steps: @Sendable () -> [(Event, Action?)]
        let phase: Machine.Phase

        init(_ name: String, _ phase: Machine.Phase, _ steps: @escaping @Sendable () -> [(Event, Action?)]) {
            testDescription = name
            self.phase = phase
            self.steps = steps
        }
    }

    private static let refusal = BadRequestReply(about: HTTPParserError.invalidChunkSize)!

    /// A request without a body, answered.
    private static func answered(_ head: HTTPRequestHead = get) -> [(Event, Action?)] {
        [
            (.head(head), .answer(head)), (.end, .endBody), (.responseBegins(saysClose: false), Action.none),
            (.responseEnds, Action.none), (.requestEnds(canGoOn: true), Action.none), (.pipelined, nil),
        ]
    }

    /// An upload that is refused before its body has come.
    private static func refused(_ head: HTTPRequestHead = big) -> [(Event, Action?)] {
        [
            (.head(head), .answer(head)), (.responseBegins(saysClose: true), Action.none), (.responseEnds, .flush),
            (.requestEnds(canGoOn: true), Action.none), (.pipelined, nil),
        ]
    }

    private static let requests = [
        Story("the connection is kept", .open) { answered() + answered(next) },
        Story("a body is handed on", .open) {
            [
                (.head(small), .answer(small)), (.body(3), .appendBody(bytes(3))), (.body(2), .appendBody(bytes(2))),
                (.end, .endBody), (.responseBegins(saysClose: false), Action.none), (.responseEnds, Action.none),
                (.requestEnds(canGoOn: true), Action.none), (.pipelined, nil),
            ]
        },
        Story("the client's last request", .closed) {
            [
                (.head(last), .answer(last)), (.end, .endBody), (.responseBegins(saysClose: true), Action.none),
                (.responseEnds, .flush), (.head(next), Action.none), (.requestEnds(canGoOn: true), Action.none),
                (.flushes, .close),
            ]
        },
        Story("an answer that breaks off", .flushing(.both)) {
            [
                (.head(get), .answer(get)), (.end, .endBody), (.responseBegins(saysClose: false), Action.none),
                (.requestEnds(canGoOn: false), .flush),
            ]
        },
        Story("no answer at all", .closed) {
            [(.head(get), .answer(get)), (.end, .endBody), (.requestEnds(canGoOn: false), .close)]
        },
        Story("pipelined requests wait for their turn", .open) {
            [
                (.head(get), .answer(get)), (.end, .endBody), (.head(small), Action.none), (.body(5), Action.none),
                (.end, Action.none), (.head(next), Action.none), (.end, Action.none), (.pipelined, nil),
                (.responseBegins(saysClose: false), Action.none), (.responseEnds, Action.none),
                (.requestEnds(canGoOn: true), Action.none), (.pipelined, .answer(small)),
                (.pipelined, .appendBody(bytes(5))), (.pipelined, .endBody), (.pipelined, nil),
                (.requestEnds(canGoOn: true), Action.none), (.pipelined, .answer(next)), (.pipelined, .endBody),
                (.pipelined, nil),
            ]
        },
        Story("half of a pipelined request", .open) {
            [
                (.head(get), .answer(get)), (.end, .endBody), (.head(small), Action.none),
                (.requestEnds(canGoOn: true), Action.none), (.pipelined, .answer(small)), (.pipelined, nil),
                (.body(5), .appendBody(bytes(5))), (.end, .endBody),
            ]
        },
    ]

    private static let unreadBodies = [
        Story("a small body is read and thrown away", .open) {
            [
                (.head(small), .answer(small)), (.responseBegins(saysClose: false), Action.none), (.responseEnds, Action.none),
                (.requestEnds(canGoOn: true), Action.none), (.body(5), Action.none), (.end, .endBody),
            ] + answered(next)
        },
        Story("a big one is not", .closed) {
            refused() + [(.flushes, .closeOutput), (.body(1000), Action.none), (.end, .close)]
        },
        Story("a big one whose rest is small is", .open) {
            let head = Self.head(.PUT, ["content-length": "\(2 << 20)"])
            return [
                (.head(head), .answer(head)), (.body(3 << 19), .appendBody(bytes(3 << 19))),
                (.responseBegins(saysClose: false), Action.none),
            ]
        },
        Story("chunked: its length is not known", .lingering) { refused(chunked) + [(.flushes, .closeOutput)] },
        Story("the client that asks first may send it or not", .lingering) {
            refused(asking) + [(.flushes, .closeOutput)]
        },
        Story("the client that was told to send it does", .lastResponse) {
            let head = Self.head(.PUT, ["content-length": "10000000000", "expect": "100-continue"])
            return [
                (.head(asking), .answer(asking)), (.continues, Action.none), (.responseBegins(saysClose: false), Action.none),
                (.responseEnds, Action.none), (.requestEnds(canGoOn: true), Action.none), (.body(5), Action.none),
                (.end, .endBody), (.head(head), .answer(head)), (.continues, Action.none),
                (.responseBegins(saysClose: true), Action.none),
            ]
        },
        Story("the rest comes before the response is sent", .closed) {
            refused() + [(.body(1000), Action.none), (.end, Action.none), (.flushes, .close)]
        },
        Story("more than is thrown away", .closed) {
            refused() + [
                (.flushes, .closeOutput), (.body(16 << 20), Action.none), (.body(16 << 20), Action.none), (.body(1), .close),
            ]
        },
    ]

    private static let ends = [
        Story("what cannot be parsed is refused", .closed) {
            answered() + [
                (.parserFails, .refuse(refusal)), (.refusalWritten, .flush), (.parserFails, Action.none),
                (.flushes, .closeOutput), (.inputCloses, .close),
            ]
        },
        Story("the first bytes cannot be parsed", .flushing(.output)) {
            [(.parserFails, .refuse(refusal)), (.refusalWritten, .flush)]
        },
        Story("a broken chunk, before the response", .flushing(.output)) {
            [
                (.head(chunked), .answer(chunked)), (.parserFails, .failBody), (.requestEnds(canGoOn: false), .refuse(refusal)),
                (.refusalWritten, .flush),
            ]
        },
        Story("a broken chunk, within the response", .flushing(.both)) {
            [
                (.head(chunked), .answer(chunked)), (.responseBegins(saysClose: true), Action.none), (.parserFails, .failBody),
                (.requestEnds(canGoOn: false), .flush),
            ]
        },
        Story("what cannot be parsed behind requests", .flushing(.output)) {
            [
                (.head(get), .answer(get)), (.end, .endBody), (.head(next), Action.none), (.end, Action.none),
                (.parserFails, Action.none), (.responseBegins(saysClose: false), Action.none), (.responseEnds, Action.none),
                (.requestEnds(canGoOn: true), Action.none), (.pipelined, .answer(next)), (.pipelined, .endBody),
                (.pipelined, nil), (.responseBegins(saysClose: false), Action.none), (.responseEnds, Action.none),
                (.requestEnds(canGoOn: true), Action.none), (.pipelined, .refuse(refusal)), (.refusalWritten, .flush),
                (.pipelined, nil),
            ]
        },
        Story("the client closes without a word", .closed) { [(.inputCloses, .close)] },
        Story("the client closes between requests", .flushing(.both)) { answered() + [(.inputCloses, .flush)] },
        Story("the client closes its side and waits for its responses", .closed) {
            [
                (.head(get), .answer(get)), (.end, .endBody), (.head(next), Action.none), (.end, Action.none),
                (.inputCloses, Action.none), (.responseBegins(saysClose: false), Action.none), (.responseEnds, Action.none),
                (.requestEnds(canGoOn: true), Action.none), (.pipelined, .answer(next)), (.pipelined, .endBody),
                (.pipelined, nil), (.responseBegins(saysClose: false), Action.none), (.responseEnds, Action.none),
                (.requestEnds(canGoOn: true), Action.none), (.pipelined, .flush), (.pipelined, nil), (.flushes, .close),
            ]
        },
        Story("the client closes within a body", .closed) {
            [
                (.head(small), .answer(small)), (.body(3), .appendBody(bytes(3))), (.inputCloses, .failBody),
                (.requestEnds(canGoOn: false), .close),
            ]
        },
        Story("the client closes within a pipelined body", .open) {
            [
                (.head(get), .answer(get)), (.end, .endBody), (.head(small), Action.none), (.inputCloses, Action.none),
                (.requestEnds(canGoOn: true), Action.none), (.pipelined, .answer(small)), (.pipelined, .failBody),
                (.pipelined, nil),
            ]
        },
        Story("the connection closes within a request", .closed) {
            [
                (.head(get), .answer(get)), (.end, .endBody), (.closes(isAbandoned: true), Action.none),
                (.requestEnds(canGoOn: false), .abandoned), (.pipelined, nil),
            ]
        },
        Story("the connection closes between requests", .closed) {
            answered() + [(.closes(isAbandoned: false), Action.none), (.flushes, Action.none)]
        },
    ]

    private static let stops = [
        Story("the server stops before the first request", .closed) { [(.drains, .close)] },
        Story("the server stops between requests", .closed) { answered() + [(.drains, .flush), (.flushes, .close)] },
        Story("the server stops within a request", .flushing(.both)) {
            [
                (.head(get), .answer(get)), (.end, .endBody), (.head(next), Action.none), (.end, Action.none),
                (.drains, Action.none), (.responseBegins(saysClose: true), Action.none), (.responseEnds, Action.none),
                (.requestEnds(canGoOn: true), .flush), (.pipelined, nil),
            ]
        },
        Story("the server stops while a small body is thrown away", .closed) {
            [
                (.head(small), .answer(small)), (.responseBegins(saysClose: false), Action.none), (.responseEnds, Action.none),
                (.requestEnds(canGoOn: true), Action.none), (.drains, .flush), (.flushes, .closeOutput), (.body(5), Action.none),
                (.end, .close),
            ]
        },
        Story("an idle connection makes room", .closed) { answered() + [(.makesRoom, .flush), (.flushes, .close)] },
        Story("a busy one does not", .open) {
            [
                (.head(small), .answer(small)), (.makesRoom, Action.none), (.responseBegins(saysClose: false), Action.none),
                (.responseEnds, Action.none), (.makesRoom, Action.none), (.requestEnds(canGoOn: true), Action.none),
                (.makesRoom, Action.none),
            ]
        },
        Story("all must go", .closed) {
            [
                (.head(get), .answer(get)), (.end, .endBody), (.aborts, Action.none), (.head(next), Action.none),
                (.inputCloses, Action.none), (.closes(isAbandoned: true), Action.none),
                (.requestEnds(canGoOn: false), .abandoned),
            ]
        },
    ]

    @Test("What the machine does", arguments: requests + unreadBodies + ends + stops)
    func story(_ story: Story) {
        var machine = Machine(ConnectionTimeouts(), at: .uptimeNanoseconds(1))
        for (number, step) in story.steps().enumerated() {
            let action = Self.apply(step.0, to: &machine)
            #expect(action == step.1, "step \(number): \(step.0)")
        }
        #expect(machine.phase == story.phase)
    }

    @Test(arguments: [
        head(version: .http1_0), head(.GET, ["connection": "close"]), head(.CONNECT, uri: "h:80"), head(.GET, ["upgrade": "h2c"]),
    ])
    func afterSomeRequestsNoOtherCanBeRead(head: HTTPRequestHead) {
        var machine = Machine(ConnectionTimeouts(), at: .uptimeNanoseconds(1))
        _ = machine.partRead(.head(head), at: .uptimeNanoseconds(1))
        _ = machine.partRead(.end(nil), at: .uptimeNanoseconds(1))
        let saysClose = machine.responseBegins()
        #expect(saysClose)
    }

    @Test func whatIsSentAheadIsBounded() {
        var machine = Machine(ConnectionTimeouts(), at: .uptimeNanoseconds(1))
        let now = NIODeadline.uptimeNanoseconds(1)
        for _ in 0..<5_000 {
            _ = machine.partRead(.head(Self.get), at: now)
            _ = machine.partRead(.end(nil), at: now)
        }
        #expect(machine.inputError is Connection.Gone)
        var answered = 0
        repeat {
            answered += 1
            _ = machine.requestEnded(canGoOn: true, at: now)
            while let action = machine.nextPipelined(), action != .close {}
        } while machine.isOpen
        #expect(answered == 1 + Machine.maxPipelinedParts / 2)
    }

    @Test func nothingIsWrittenOnceItCloses() {
        var machine = Machine(ConnectionTimeouts(), at: .uptimeNanoseconds(1))
        let before = machine.mayWrite()
        let action = machine.close(.both)
        let after = machine.mayWrite()
        #expect(before && action == .flush && !after)
    }

    @Test func readingWaitsForTheBodysReaderThePipelineAndTheClientsShare() {
        var machine = Machine(ConnectionTimeouts(), at: .uptimeNanoseconds(1))
        let now = NIODeadline.uptimeNanoseconds(1)
        func expect(_ hasRoom: Bool, _ expected: Bool, _ why: Comment) {
            let mayRead = machine.mayRead(bodyHasRoom: hasRoom)
            #expect(mayRead == expected, why)
        }
        expect(false, true, "no request is being answered")
        _ = machine.partRead(.head(Self.small), at: now)
        expect(true, true, "the body has room")
        let isResumed = machine.mayResumeReading(bodyHasRoom: true)
        #expect(!isResumed, "no read is pending")
        expect(false, false, "the body has none")
        let isResumedNow = machine.mayResumeReading(bodyHasRoom: true)
        #expect(isResumedNow, "one is pending, and there is room")
        _ = machine.partRead(.end(nil), at: now)
        expect(true, true, "nothing is pipelined")
        _ = machine.partRead(.head(Self.next), at: now)
        expect(true, false, "a request is")
        _ = machine.requestEnded(canGoOn: true, at: now)
        while machine.nextPipelined() != nil {}
        machine.throttle(true)
        expect(true, false, "the client's share is used up")
        machine.throttle(false)
        expect(true, true, "its turn has come")
    }
}
