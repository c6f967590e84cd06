import Logging
import Metrics
import NIOCore
import Synchronization
import WeirCore

/// The blobs that are being fetched from upstream, with one transfer at most for each blob. This service owns the transfer, and
/// not the request that caused it: a client that hangs up does not end what others wait for.
final class Fills: Sendable {
    private struct Key: Hashable {
        let place: BlobLocation
        let repository: Int64
    }

    private struct Running: Sendable {
        let fill: Fill
        /// Where its bytes come from.
        let place: String
        let ticket: FillSlots.Ticket
        /// The queue in which it waits for its slot.
        let queue: FillSlots
        var task: Task<Void, Never>?
    }

    private struct Table {
        var fills: [Key: Running] = [:]
        /// The fill that transfers the bytes, where several repositories want the same.
        var leaders: [BlobLocation: Running] = [:]
    }

    /// What a fill needs to know.
    struct Order: Sendable {
        let digest: Digest
        /// From the manifest; nil where none names the blob.
        let size: Int64?
        let repository: Repository
        /// When the bytes were stored that proved bad. A row with this time does not count as stored.
        var insteadOf: Timestamp?
        /// Its priority is the fill's, until a more urgent request joins.
        let source: UpstreamSource

        /// At most 256 KiB by the manifest's word: a transfer of more bytes than it says fails.
        var isSmall: Bool { size.map { $0 <= 256 << 10 } ?? false }
    }

    let blobs: Blobs
    let upstream: any UpstreamRegistry
    let rules: CacheRules
    private let retry: RetryPolicy
    private let logger: Logger
    private let slots: FillSlots
    /// For blobs that take a round trip or two, such as an image's configuration. A client can do nothing without them, so they
    /// do not queue behind layers of hundreds of megabytes.
    private let smallSlots: FillSlots
    private let failureLog = FillFailureLog()
    private let table = Mutex(Table())

    init(
        blobs: Blobs, upstream: any UpstreamRegistry, rules: CacheRules, retry: RetryPolicy, slots: FillSlots.Limits,
        logger: Logger
    ) {
        self.blobs = blobs
        self.upstream = upstream
        self.rules = rules
        self.retry = retry
        self.slots = FillSlots(slots)
        smallSlots = FillSlots(slots)
        self.logger = logger
    }

    // MARK: - Joining

    /// Joins the repository's fill of a blob, or starts it.
    ///
    /// Where another repository's transfer of the same bytes is under way, this fill reads along, once upstream has said, asked
    /// in this repository's name, that it has the blob here too. Where that transfer fails, this fill fetches the blob itself.
    @discardableResult
    func join(_ order: Order) -> Fill {
        let key = key(order)
        return table.withLock { table in
            if let present = table.fills[key] {
                present.queue.promote(present.ticket, to: order.source.priority)
                // The fill may be reading along with another repository's.
                if let leader = table.leaders[key.place], leader.fill !== present.fill {
                    leader.queue.promote(leader.ticket, to: order.source.priority)
                }
                return present.fill
            }
            let queue = order.isSmall ? smallSlots : slots
            let ticket = queue.ticket(
                of: order.source.owner, limit: order.source.limits.connections, priority: order.source.priority)
            var running = Running(fill: Fill(order.digest), place: order.source.place, ticket: ticket, queue: queue)
            // The service owns the task: it ends when the blob is stored or failed, or when the program stops.
            running.task = Task { [self, running] in await run(order, running, key) }
            table.fills[key] = running
            return running.fill
        }
    }

    /// The repository's fill of this blob; nil where none is running.
    func running(_ digest: Digest, in repository: Repository) -> Fill? {
        let key = Key(place: blobs.location(of: digest, in: repository), repository: repository.id)
        return table.withLock { $0.fills[key]?.fill }
    }

    /// Ends every transfer, and discards what they staged. For the end of the program.
    func close() async {
        let tasks = table.withLock { $0.fills.values.compactMap(\.task) }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }

    private func key(_ order: Order) -> Key {
        Key(place: blobs.location(of: order.digest, in: order.repository), repository: order.repository.id)
    }

    // MARK: - Running

    private func run(_ order: Order, _ running: Running, _ key: Key) async {
        rules.tally.fill(began: true, of: order.source.owner)
        Gauge(label: "weir_fills_running").record(Double(table.withLock { $0.fills.count }))
        let outcome = await Result { try await obtain(order, running, key) }
        end(running.fill, key)
        rules.tally.fill(began: false, of: order.source.owner)
        switch outcome {
        case .success(let size): running.fill.stored(size: size)
        case .failure(let error):
            let refusal = Refusal(upstream: error, asking: "the blob \(order.digest)")
            // A full disk is told once, and not for each blob.
            if refusal.reason != .storageFull { complain(order, error) }
            Counter(label: "weir_fills_total", dimensions: [("outcome", refusal.reason.rawValue)]).increment()
            running.fill.failed(refusal)
        }
    }

    private func complain(_ order: Order, _ error: any Error) {
        var metadata: Logger.Metadata = [
            "repository.name": "\(order.repository.name)", "upstream.host": "\(order.source.host)", "error": "\(error)",
        ]
        for (name, fact) in (error as? Refusal)?.facts ?? [:] { metadata[name] = "\(fact)" }
        switch failureLog.failed(order.source.owner) {
        case .nothing: return
        case .more: logger.warning("More blobs are not filled; weir_fills_total counts them", metadata: metadata)
        case .this(let unnamed):
            metadata["blob.digest"] = "\(order.digest)"
            if unnamed > 0 { metadata["fill.unnamed"] = "\(unnamed)" }
            logger.warning("Blob not filled", metadata: metadata)
        }
    }

    private func end(_ fill: Fill, _ key: Key) {
        let left = table.withLock { table in
            table.fills[key] = nil
            if table.leaders[key.place]?.fill === fill { table.leaders[key.place] = nil }
            return table.fills.count
        }
        Gauge(label: "weir_fills_running").record(Double(left))
    }

    /// Obtains the blob, by another repository's transfer or by one of its own. Returns its size in bytes.
    private func obtain(_ order: Order, _ running: Running, _ key: Key) async throws -> Int64 {
        if let size = try await alreadyStored(order, running.fill) { return size }
        var isProved = false
        while let leader = leader(of: key, or: running) {
            if !isProved { isProved = try await proves(order, byHeadWhere: leader.place == order.source.place) }
            // Where a HEAD proves nothing, the bytes must: this fill makes a transfer of its own.
            guard isProved else { break }
            leader.queue.promote(leader.ticket, to: running.ticket.priority)
            running.fill.follow(leader.fill)
            defer { running.fill.unfollow(leader.fill) }
            do { _ = try await leader.fill.whole() } catch {
                try Task.checkCancellation()
                continue
            }
            try await admit(order)
            if let size = try await alreadyStored(order, running.fill) { return size }
        }
        return try await running.queue.withSlot(running.ticket) {
            // The blob may have come while this fill waited for its slot.
            if let size = try await alreadyStored(order, running.fill) { return size }
            return try await transfer(order, running)
        }
    }

    /// The fill whose transfer of these bytes is under way; nil where this fill transfers them from now on.
    private func leader(of key: Key, or running: Running) -> Running? {
        table.withLock { table in
            if let present = table.leaders[key.place], present.fill !== running.fill { return present }
            table.leaders[key.place] = running
            return nil
        }
    }

    /// The size of the blob where it is stored already: another repository brought it, or a fill ended between the caller's look
    /// and its order.
    private func alreadyStored(_ order: Order, _ fill: Fill) async throws -> Int64? {
        let status = try await blobs.status(of: order.digest, in: order.repository)
        guard let size = status.stored, order.insteadOf == nil || status.storedAt != order.insteadOf else { return nil }
        if status.membership == nil {
            guard try await proves(order, byHeadWhere: try await isHeldFromSameHost(order), size: size) else { return nil }
            try await admit(order)
        }
        do {
            guard let content = try await blobs.open(order.digest, status, in: order.repository) else { return nil }
            fill.answered(size: size, content: content)
            return size
        } catch is BlobFault {
            // The stored bytes are bad: upstream's take their place.
            return nil
        }
    }

    // MARK: - Transferring

    /// Fetches, verifies and stores. Discards what was staged where it throws.
    private func transfer(_ order: Order, _ running: Running) async throws -> Int64 {
        try blobs.checkRoom(for: order.size)
        let started = ContinuousClock.now
        let fill = running.fill
        let transfer = BlobTransfer(order, from: upstream, slots: running.queue, ticket: running.ticket, retry: retry)
        var ingest: BlobIngest?
        do {
            try await transfer.run { size in
                try blobs.checkRoom(for: size)
                let (new, content) = try blobs.ingest(for: order.repository, order.digest.algorithm) { fill.landed($0) }
                ingest = new
                fill.answered(size: size, content: OpenContent(content))
                fill.opens(size: size)
                return { bytes in
                    fill.arrived(bytes)
                    try await new.take(bytes)
                }
            }
            guard let ingest else { throw CancellationError() }
            fill.arrivedWhole()
            let (digest, size) = try await ingest.drain()
            if digest != order.digest { throw Refusal.wrongDigest(order, got: digest) }
            try await blobs.commit(ingest, digest, size: size, to: order.repository, .cache, from: order.source.place)
            report(order, size, transfer, ContinuousClock.now - started)
            return size
        } catch {
            ingest?.discard()
            throw error
        }
    }

    private func report(_ order: Order, _ size: Int64, _ transfer: BlobTransfer, _ elapsed: Duration) {
        logger.info(
            "Blob filled",
            metadata: [
                "blob.digest": "\(order.digest)", "repository.name": "\(order.repository.name)",
                "upstream.host": "\(order.source.host)", "fill.bytes": .stringConvertible(size),
                "fill.seconds": .stringConvertible(elapsed / .seconds(1)), "fill.resumed": .stringConvertible(transfer.resumed),
                "fill.parts": .stringConvertible(transfer.parts),
            ])
        rules.tally.fetched(size, of: order.source.owner)
        Counter(label: "weir_fills_total", dimensions: [("outcome", "stored")]).increment()
        Counter(label: "weir_fill_bytes_total").increment(by: size)
        if transfer.resumed > 0 { Counter(label: "weir_fill_resumes_total").increment(by: transfer.resumed) }
    }
}

extension Refusal {
    fileprivate static func wrongDigest(_ order: Fills.Order, got: Digest) -> Refusal {
        Refusal(
            .upstreamInvalid,
            "The upstream registry \(order.source.host) sent content with the digest \(got) for \(order.digest)")
    }
}
