import Logging
import Metrics
import NIOCore
import Synchronization
import WeirCore

/// The blobs that are being fetched from upstream: at most one transfer for each blob, owned by this service and not by the request that
/// caused it, so that a client that hangs up does not lose what others wait for.
final class Fills: Sendable {
    /// Transfers at once for one rule. Three are what one docker client asks for; a second client should not have to wait.
    static let perRule = 8

    private struct Key: Hashable {
        let place: BlobPlace
        let repository: Int64
    }

    private struct Running {
        let fill: Fill
        let task: Task<Void, Never>
    }

    private struct Table {
        var fills: [Key: Running] = [:]
        /// Whose transfer it is where several repositories want the same bytes.
        var leaders: [BlobPlace: Fill] = [:]
    }

    /// What a fill needs to know.
    struct Order: Sendable {
        let digest: Digest
        /// What the manifest tells, or nil where none names the blob.
        let size: Int64?
        let repository: Repository
        let source: UpstreamSource
    }

    private let blobs: Blobs
    private let upstream: any UpstreamRegistry
    private let logger: Logger
    private let slots = FillSlots(limit: Fills.perRule)
    private let table = Mutex(Table())

    init(blobs: Blobs, upstream: any UpstreamRegistry, logger: Logger) {
        self.blobs = blobs
        self.upstream = upstream
        self.logger = logger
    }

    /// Joins the repository's transfer of a blob; the first one starts it.
    ///
    /// Another repository's transfer of the same bytes is waited for, not shared: it proves nothing for this one, and its failure is not this
    /// one's. When it has ended well, upstream is only asked whether this repository has the blob too.
    @discardableResult
    func join(_ order: Order) -> Fill {
        let place = blobs.place(of: order.digest, in: order.repository)
        let key = Key(place: place, repository: order.repository.id)
        return table.withLock { table in
            if let present = table.fills[key] { return present.fill }
            let fill = Fill(order.digest)
            let other = table.leaders[place]
            if other == nil { table.leaders[place] = fill }
            // The service owns the task: it ends when the blob is stored or failed, or when the program stops.
            let task = Task { [self] in
                _ = try? await other?.whole()
                await run(order, fill, key)
            }
            table.fills[key] = Running(fill: fill, task: task)
            return fill
        }
    }

    private func end(_ fill: Fill, _ key: Key) {
        table.withLock { table in
            table.fills[key] = nil
            if table.leaders[key.place] === fill { table.leaders[key.place] = nil }
        }
    }

    /// Ends every transfer; what they staged is given back. For the end of the program.
    func close() async {
        let tasks = table.withLock { $0.fills.values.map(\.task) }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }

    private func run(_ order: Order, _ fill: Fill, _ key: Key) async {
        do {
            let size = try await slots.withSlot(of: order.source.owner) {
                if let size = try await alreadyStored(order, fill) { return size }
                return try await transfer(order, fill)
            }
            end(fill, key)
            fill.stored(size: size)
        } catch {
            let refusal = Refusal(upstream: error, asking: "the blob \(order.digest)")
            logger.warning(
                "Blob not filled",
                metadata: [
                    "blob.digest": "\(order.digest)", "repository.name": "\(order.repository.name)",
                    "upstream.host": "\(order.source.host)", "error": "\(error)",
                ])
            Counter(label: "weir_fills_total", dimensions: [("outcome", refusal.reason.rawValue)]).increment()
            end(fill, key)
            fill.failed(refusal)
        }
    }

    /// The blob lies here already: another repository brought it, or a fill ended between the look of whoever orders and the order.
    private func alreadyStored(_ order: Order, _ fill: Fill) async throws -> Int64? {
        let standing = try await blobs.standing(of: order.digest, in: order.repository)
        guard let size = standing.stored else { return nil }
        if standing.membership == nil {
            do { try await prove(order) } catch let error as UpstreamError where error.kind == .invalid {
                // An upstream that does not understand the question: its bytes answer it.
                return nil
            }
        }
        guard let content = try await blobs.open(order.digest, standing, in: order.repository) else { return nil }
        fill.answered(size: size, content: content)
        return size
    }

    /// What lies here or is on its way for another repository may be served once upstream has said, asked in this repository's
    /// name, that it has it here too: knowing a digest is not enough.
    private func prove(_ order: Order) async throws {
        _ = try await upstream.blobSize(order.digest, in: order.source)
        try await blobs.database.write { sql in
            _ = try RepositoryTable.current(order.repository, sql)
            try BlobTable.admit(order.digest, to: order.repository.id, .cache, sql)
        }
    }

    /// Fetches, verifies and stores. What was staged is gone when this throws.
    private func transfer(_ order: Order, _ fill: Fill) async throws -> Int64 {
        let started = ContinuousClock.now
        let blob = try await upstream.blob(order.digest, from: 0, in: order.source)
        let expected = order.size ?? blob.size
        if let told = blob.size, let expected, told != expected {
            throw Refusal.wrongLength(order, expected: expected, got: told)
        }
        let (intake, content) = try blobs.intake(for: order.repository, order.digest.algorithm) {
            fill.landed($0)
        }
        do {
            fill.answered(size: expected, content: content)
            for try await part in blob.body {
                try await intake.take(part)
                if let expected, intake.taken > expected {
                    throw Refusal.wrongLength(order, expected: expected, got: intake.taken)
                }
            }
            let (digest, size) = try await intake.drain()
            if let expected, size != expected { throw Refusal.wrongLength(order, expected: expected, got: size) }
            if digest != order.digest { throw Refusal.wrongDigest(order, got: digest) }
            try await blobs.commit(intake, digest, size: size, to: order.repository, .cache)
            report(order, size, ContinuousClock.now - started)
            return size
        } catch {
            intake.discard()
            throw error
        }
    }

    private func report(_ order: Order, _ size: Int64, _ elapsed: Duration) {
        logger.info(
            "Blob filled",
            metadata: [
                "blob.digest": "\(order.digest)", "repository.name": "\(order.repository.name)",
                "upstream.host": "\(order.source.host)", "fill.bytes": "\(size)",
                "fill.seconds": "\(elapsed / .seconds(1))",
            ])
        Counter(label: "weir_fills_total", dimensions: [("outcome", "stored")]).increment()
        Counter(label: "weir_fill_bytes_total").increment(by: size)
    }
}

extension Refusal {
    fileprivate static func wrongLength(_ order: Fills.Order, expected: Int64, got: Int64) -> Refusal {
        Refusal(
            .upstreamInvalid,
            "The upstream registry \(order.source.host) sent \(got) bytes for \(order.digest), not the \(expected) it told")
    }

    fileprivate static func wrongDigest(_ order: Fills.Order, got: Digest) -> Refusal {
        Refusal(
            .upstreamInvalid,
            "The upstream registry \(order.source.host) sent content with the digest \(got) for \(order.digest)")
    }
}
