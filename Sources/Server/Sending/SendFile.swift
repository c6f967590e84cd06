import NIOCore

#if canImport(Glibc)
    import Glibc
#endif

/// Lets the kernel send a file's bytes (sendfile): no copy through this process, a tenth of the CPU. Not under TLS, which
/// encrypts them here.
struct SendFile {
    /// Parts that are with the kernel at once; the next region waits until it has sent them.
    private static let partsPerRegion: Int64 = 16

    /// The region that was being sent when it failed, and why.
    struct Failure: Error {
        let range: Range<Int64>
        let error: any Error

        /// The disk did not give the bytes; otherwise the client has gone.
        var isOfTheFile: Bool {
            guard let code = (error as? IOError)?.errnoCode else { return false }
            return [EIO, ESTALE, ENOMEM].contains(code)
        }
    }

    /// The body owns it.
    let descriptor: Int32
    let scheduler: SendScheduler

    /// Returns when the last byte is with the kernel.
    func send(_ range: Range<Int64>, to connection: NIOLoopBound<Connection>) async throws {
        let handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: descriptor)
        // Gives the descriptor back: the handle would otherwise want to be closed.
        defer { _ = try? handle.takeDescriptorOwnership() }
        var offset = range.lowerBound
        while offset < range.upperBound {
            let region = Self.partsPerRegion * Int64(SendBufferBudget.current.part)
            let end = min(range.upperBound, offset + region)
            // sendfile waits for the disk on the event loop where the page cache lacks the bytes: ask for them one region ahead.
            readAhead(end..<min(range.upperBound, end + region))
            let part = FileRegion(fileHandle: handle, readerIndex: Int(offset), endIndex: Int(end))
            let sent = connection.eventLoop.makePromise(of: Void.self)
            try connection.value.write(.fileRegion(part), promise: sent)
            connection.value.flush()
            connection.value.countLayer(Int(end - offset))
            do { try await sent.futureResult.get() } catch { throw Failure(range: offset..<end, error: error) }
            offset = end
            if offset < range.upperBound { await scheduler.nextTurn() }
        }
    }

    private func readAhead(_ range: Range<Int64>) {
        #if canImport(Glibc)
            // Advice only: a failure changes nothing.
            if !range.isEmpty {
                _ = posix_fadvise(descriptor, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_WILLNEED)
            }
        #endif
    }
}
