import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

#if canImport(Glibc)
    import Glibc
#endif

/// Lets the kernel send a file's bytes: no copy through this process, a tenth of the CPU.
///
/// Hummingbird's parts know only buffers, so the bytes are written just below the codec that makes HTTP/1 of them, between the
/// head and the end that go the usual way. Not for TLS, which must see the bytes.
struct SendFile {
    /// What is on its way at once, in chunks' size; the next region waits until it is with the kernel.
    private static let chunks: Int64 = 16

    /// Not ours to close.
    let descriptor: Int32
    let turns: BodyTurns?

    func send(_ range: Range<Int64>, to channel: any Channel) async throws {
        let handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: descriptor)
        // Gives the descriptor back: the handle would otherwise want to be closed.
        defer { _ = try? handle.takeDescriptorOwnership() }
        var offset = range.lowerBound
        while offset < range.upperBound {
            let region = Self.chunks * Int64(BodyShare.current.chunk)
            let end = min(range.upperBound, offset + region)
            // sendfile waits for the disk on the event loop where the page cache lacks the bytes: ask for them one region ahead.
            readAhead(end..<min(range.upperBound, end + region))
            let part = FileRegion(fileHandle: handle, readerIndex: Int(offset), endIndex: Int(end))
            let promise = channel.eventLoop.makePromise(of: Void.self)
            channel.eventLoop.execute {
                do {
                    let context = try channel.pipeline.syncOperations.context(
                        handlerType: HTTP1ToHTTPServerCodec.self)
                    context.writeAndFlush(
                        NIOAny(HTTPServerResponsePart.body(.fileRegion(part))), promise: promise)
                } catch {
                    promise.fail(error)
                }
            }
            try await promise.futureResult.get()
            offset = end
            if offset < range.upperBound { await turns?.next() }
        }
    }

    private func readAhead(_ range: Range<Int64>) {
        #if canImport(Glibc)
            // Advice only: that it may fail changes nothing.
            if !range.isEmpty {
                _ = posix_fadvise(descriptor, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_WILLNEED)
            }
        #endif
    }
}
