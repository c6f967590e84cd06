import NIOCore
import NIOEmbedded
import Synchronization
import Testing
import WeirUpstream

/// Time-outs, in a time that tests set.
@Suite struct ConnectionWatchTests {
    /// Reads when it is told to, and keeps the error that ends the connection.
    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        var error: (any Error)?

        func errorCaught(context: ChannelHandlerContext, error: any Error) { self.error = error }
    }

    private struct Connection {
        let loop = EmbeddedEventLoop()
        let channel: EmbeddedChannel
        let reader = Reader()

        init() throws {
            channel = EmbeddedChannel(loop: loop)
            let watch = ConnectionWatch(idle: .seconds(60), minimumBytesPerSecond: 512, window: .seconds(30))
            try channel.pipeline.syncOperations.addHandlers([watch, reader])
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            try channel.writeOutbound(ByteBuffer(string: "GET"))
        }

        func wait(_ seconds: Int64) { loop.advanceTime(by: .seconds(seconds)) }

        func receive(_ count: Int) {
            channel.read()
            _ = try? channel.writeInbound(ByteBuffer(repeating: 7, count: count))
        }
    }

    @Test func silenceIsCutOffAfterItsTime() throws {
        let connection = try Connection()
        connection.channel.read()
        connection.wait(59)
        #expect(connection.channel.isActive)
        connection.wait(1)
        #expect(!connection.channel.isActive)
        #expect(connection.reader.error is ConnectionWatch.Stalled)
    }

    @Test func aReaderThatTakesItsTimeIsNot() throws {
        let connection = try Connection()
        connection.receive(100_000)
        connection.wait(3600)
        #expect(connection.channel.isActive)
        connection.receive(100_000)
        connection.channel.read()
        connection.wait(59)
        #expect(connection.channel.isActive)
        connection.wait(61)
        #expect(connection.reader.error is ConnectionWatch.Stalled)
    }

    @Test func whatDripsIsCutOff() throws {
        let connection = try Connection()
        connection.receive(1000)
        for _ in 0..<31 where connection.channel.isActive {
            connection.channel.read()
            connection.wait(1)
            _ = try? connection.channel.writeInbound(ByteBuffer(repeating: 7, count: 1))
        }
        #expect(!connection.channel.isActive)
        #expect(connection.reader.error is ConnectionWatch.Crawling)
    }

    @Test func whatIsSlowButSteadyGoesOn() throws {
        let connection = try Connection()
        connection.receive(1000)
        for _ in 0..<200 {
            connection.channel.read()
            connection.wait(1)
            _ = try? connection.channel.writeInbound(ByteBuffer(repeating: 7, count: 600))
        }
        #expect(connection.channel.isActive)
    }

    @Test func anAnswerThatIsLongInComingIsAnotherLimitsMatter() throws {
        let connection = try Connection()
        connection.channel.read()
        connection.wait(45)
        _ = try? connection.channel.writeInbound(ByteBuffer(repeating: 7, count: 1))
        #expect(connection.channel.isActive)
    }
}
