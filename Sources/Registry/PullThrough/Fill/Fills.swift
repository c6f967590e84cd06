import Logging
import Metrics
import NIOCore
import Synchronization
import WeirCore

/// The blobs that are being fetched from upstream: at most one transfer for each blob, owned by this service and not by the
/// request that caused it, so that a client that hangs up does not lose what others wait for.
final class Fills: Sendable {
    private struct Key: Hashable {
        let place: BlobPlace
        let repository: Int64
    }

    private struct Running: Sendable {
        let fill: Fill
        /// Where its bytes come from.
        let place: String
        let ticket: FillSlots.Ticket
        /// Where its turn comes.
        let queue: FillSlots
        var task: Task<Void, Never>?
    }

    private struct Table {
        var fills: [Key: Running] = [:]
        /// Whose transfer it is where several repositories want the same bytes.
        var leaders: [BlobPlace: Running] = [:]
    }

    /// What a fill needs to know.
    struct Order: Sendable {
        let digest: Digest
        /// What the manifest tells, or nil where none names the blob.
        let size: Int64?
        let repository: Repository
        /// When the bytes were stored that proved bad: they are not what is wanted, whatever their row says.
        var insteadOf: Timestamp?
        /// Its priority is the fill's, until somebody joins who is in a greater hurry.
        let source: UpstreamSource

        /// At most 256 KiB, as far as the manifest can be believed: one that lies ends with its length.
        var isSmall: Bool { size.map { $0 <= 256 << 10 } ?? false }
    }

    let blobs: Blobs
    let upstream: any UpstreamRegistry
    let rules: CacheRules
    private let retry: RetryPolicy
    private let logger: Logger
    private let slots: FillSlots
    /// For blobs that are there in a round trip or two, such as an image's configuration: they do not queue behind layers of
    /// hundreds of megabytes, since a client can do nothing without them.
    private let smallSlots: FillSlots
    private let complaints = FillComplaints()
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

    /// Joins the repository's fill of a blob; the first one starts it.
    ///
    /// Another repository's transfer of the same bytes is read along, once upstream has said, asked in this repository's name,
    /// that it has the blob here too. Its failure is not this one's: then this one fetches the blob itself.
    @discardableResult
    func join(_ order: Order) -> Fill {
        let key = key(order)
        return table.withLock { table in
            if let present = table.fills[key] {
                present.queue.promote(present.ticket, to: order.source.priority)
                // It may be reading along with another repository's.
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

    /// The repository's fill of this blob, if it is on its way.
    func running(_ digest: Digest, in repository: Repository) -> Fill? {
        let key = Key(place: blobs.place(of: digest, in: repository), repository: repository.id)
        return table.withLock { $0.fills[key]?.fill }
    }

    /// Ends every transfer; what they staged is given back. For the end of the program.
    func close() async {
        let tasks = table.withLock { $0.fills.values.compactMap(\.task) }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }

    private func key(_ order: Order) -> Key {
        Key(place: blobs.place(of: order.digest, in: order.repository), repository: order.repository.id)
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
        switch complaints.failed(order.source.owner) {
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

    /// The blob that others bring, or its own transfer.
    private func obtain(_ order: Order, _ running: Running, _ key: Key) async throws -> Int64 {
        if let size = try await alreadyStored(order, running.fill) { return size }
        var isProved = false
        while let leader = leader(of: key, or: running) {
            if !isProved { isProved = try await proves(order, byHeadWhere: leader.place == order.source.place) }
            // Where a question proves nothing, the bytes do.
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
            // It may have come while this one waited for its turn.
            if let size = try await alreadyStored(order, running.fill) { return size }
            return try await transfer(order, running)
        }
    }

    /// Whose transfer of these bytes is under way; nil where it is this one's from now on.
    private func leader(of key: Key, or running: Running) -> Running? {
        table.withLock { table in
            if let present = table.leaders[key.place], present.fill !== running.fill { return present }
            table.leaders[key.place] = running
            return nil
        }
    }

    /// The blob lies here already: another repository brought it, or a fill ended between the look of whoever orders and the
    /// order.
    private func alreadyStored(_ order: Order, _ fill: Fill) async throws -> Int64? {
        let standing = try await blobs.standing(of: order.digest, in: order.repository)
        guard let size = standing.stored, order.insteadOf == nil || standing.storedAt != order.insteadOf else { return nil }
        if standing.membership == nil {
            guard try await proves(order, byHeadWhere: try await isHeldFromSameHost(order), size: size) else { return nil }
            try await admit(order)
        }
        do {
            guard let content = try await blobs.open(order.digest, standing, in: order.repository) else { return nil }
            fill.answered(size: size, content: content)
            return size
        } catch is BlobFault {
            // What upstream gives takes its place.
            return nil
        }
    }

    // MARK: - Transferring

    /// Fetches, verifies and stores. What was staged is gone when this throws.
    private func transfer(_ order: Order, _ running: Running) async throws -> Int64 {
        try blobs.checkRoom(for: order.size)
        let started = ContinuousClock.now
        let fill = running.fill
        let transfer = BlobTransfer(order, from: upstream, slots: running.queue, ticket: running.ticket, retry: retry)
        var intake: Intake?
        do {
            try await transfer.run { size in
                try blobs.checkRoom(for: size)
                let (new, content) = try blobs.intake(for: order.repository, order.digest.algorithm) { fill.landed($0) }
                intake = new
                fill.answered(size: size, content: OpenContent(content))
                fill.opens(size: size)
                return { bytes in
                    fill.arrived(bytes)
                    try await new.take(bytes)
                }
            }
            guard let intake else { throw CancellationError() }
            fill.arrivedWhole()
            let (digest, size) = try await intake.drain()
            if digest != order.digest { throw Refusal.wrongDigest(order, got: digest) }
            try await blobs.commit(intake, digest, size: size, to: order.repository, .cache, from: order.source.place)
            report(order, size, transfer, ContinuousClock.now - started)
            return size
        } catch {
            intake?.discard()
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
