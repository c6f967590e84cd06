import Foundation
import CoreMetrics
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import Testing
import WeirCore
import WeirServer

/// A listener on a port of the kernel's choice, as long as a test needs it.
struct LiveListener: Sendable {
    let port: Int
    let group: ServiceGroup
    let finished: AsyncStream<Void>

    /// Tells it to stop, as SIGTERM does; returns at once.
    func stop() async { await group.triggerGracefulShutdown() }

    /// Waits until it has stopped.
    func ended() async throws { for await _ in finished {} }
}

private struct ListenerService: Service {
    let listener: HTTPListener
    let onListening: @Sendable (SocketAddress?) async -> Void

    func run() async throws { try await listener.run(onListening: onListening) }
}

func withListener(
    metrics: any MetricsFactory = NOOPMetricsHandler.instance, tls: TLSIdentity? = nil,
    settings change: (inout ServerSettings) -> Void = { _ in }, answer: @escaping HTTPListener.Answer,
    _ body: @escaping @Sendable (LiveListener) async throws -> Void
) async throws {
    var settings = ServerSettings(host: "127.0.0.1", port: 0, tls: tls)
    change(&settings)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let clock = WallClock { Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)) }
    let (ports, port) = AsyncStream<Int>.makeStream()
    let (finished, finish) = AsyncStream<Void>.makeStream()
    let service = ListenerService(
        listener: HTTPListener(settings: settings, metrics: metrics, clock: clock, logger: logger, answer: answer),
        onListening: { port.yield($0?.port ?? 0) })
    let group = ServiceGroup(
        configuration: .init(
            services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)], logger: logger))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            defer { finish.finish() }
            try await group.run()
        }
        for await port in ports {
            defer { Task { await group.triggerGracefulShutdown() } }
            try await body(LiveListener(port: port, group: group, finished: finished))
            break
        }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
    }
}

/// A client that sees every byte.
final class RawClient: Sendable {
    struct Answer: Sendable {
        let status: Int
        let headers: [String: String]
        let body: [UInt8]
    }

    private let channel: any Channel
    private let received: AsyncThrowingStream<ByteBuffer, any Error>
    private let waiting = Mutex(ByteBuffer())
    private let inbox: Inbox

    /// Hands what arrives to the test one read at a time, so that a test that does not read holds the server back.
    private final class Inbox: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        private let continuation: AsyncThrowingStream<ByteBuffer, any Error>.Continuation

        init(_ continuation: AsyncThrowingStream<ByteBuffer, any Error>.Continuation) {
            self.continuation = continuation
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { continuation.yield(unwrapInboundIn(data)) }
        func channelInactive(context: ChannelHandlerContext) { continuation.finish() }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { continuation.finish() }
    }

    init(port: Int) async throws {
        let (received, continuation) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream()
        self.received = received
        let inbox = Inbox(continuation)
        self.inbox = inbox
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: false)
            .channelInitializer { channel in channel.pipeline.addHandler(inbox) }
            .connect(host: "127.0.0.1", port: port).get()
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }
    func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }
    func close() async throws { try await channel.close() }
    /// Nothing more is sent; answers are still read.
    func finishSending() async throws { try await channel.close(mode: .output) }

    /// The next head's first line.
    func head() async throws -> String { try await headLines().first ?? "" }

    /// The next answer with its body, as much of it as came.
    func answer(hasBody: Bool = true) async throws -> Answer {
        let lines = try await headLines()
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts[1].drop { $0 == " " }.description
        }
        let status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        let length = hasBody ? headers["content-length"].flatMap { Int($0) } ?? 0 : 0
        while waiting.withLock({ $0.readableBytes }) < length, try await more() {}
        let body = waiting.withLock { $0.readBytes(length: min(length, $0.readableBytes)) ?? [] }
        return Answer(status: status, headers: headers, body: body)
    }

    /// Everything up to the connection's end.
    func rest(pausing pause: Duration = .zero) async throws -> [UInt8] {
        while try await more() { if pause > .zero { try await Task.sleep(for: pause) } }
        return waiting.withLock { $0.readBytes(length: $0.readableBytes) ?? [] }
    }

    private func headLines() async throws -> [String] {
        while true {
            let head: String? = waiting.withLock { buffer in
                guard let end = buffer.readableBytesView.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
                let length = end.upperBound - buffer.readerIndex
                return buffer.readString(length: length)
            }
            if let head { return head.split(separator: "\r\n").map(String.init) }
            guard try await more() else { return [] }
        }
    }

    private func more() async throws -> Bool {
        channel.read()
        for try await part in received {
            waiting.withLock { _ = $0.writeImmutableBuffer(part) }
            return true
        }
        return false
    }
}

/// Bytes that tell their offset, compared a block at a time: a debug build looks at single bytes slowly.
enum Pattern {
    private static let block: [UInt8] = {
        var state: UInt64 = 1
        return (0..<(1 << 20)).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
    }()

    static func bytes(from offset: Int64, count: Int) -> ByteBuffer {
        var bytes = ByteBuffer()
        var offset = Int(offset)
        var left = count
        while left > 0 {
            let start = offset % block.count
            let length = min(left, block.count - start)
            bytes.writeBytes(block[start..<start + length])
            offset += length
            left -= length
        }
        return bytes
    }

    static func matches(_ bytes: [UInt8], from offset: Int64 = 0) -> Bool {
        Self.bytes(from: offset, count: bytes.count) == ByteBuffer(bytes: bytes)
    }
}

/// A file of the pattern's bytes, deleted when the last holder lets go.
final class NumberedFile: BlobBody {
    let descriptor: Int32

    init(size: Int64) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("weir-\(UUID())").path
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
        try #require(descriptor >= 0)
        unlink(path)
        let bytes = Pattern.bytes(from: 0, count: Int(size))
        let written = bytes.withUnsafeReadableBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        try #require(written == Int(size))
    }

    deinit { close(descriptor) }

    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer { ByteBuffer() }
}
