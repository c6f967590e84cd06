import NIOCore
import WeirCore

/// Brings one blob from upstream to an ingest. Resumes where it breaks, and fetches parts side by side where there is room for
/// it.
///
/// ```
/// |== written ==|~~~~ head ~~~~|-- ahead --|-- ahead --|             not asked for yet            |
///                │              └ AheadPart: one request each, kept in memory, written when the head has come there
///                └ asked for here, resumed at the byte where it breaks, and given to the sink as it comes
/// ```
///
/// Parts begin only once upstream has shown that it serves ranges. `FillSlots` decides about each part anew: so ten layers that
/// come together share the connections, and the last big one gets what they leave.
final class BlobTransfer {
    /// Small enough that those in memory are few bytes, large enough that a round trip for each does not count.
    static let part: Int64 = 4 * 1024 * 1024
    /// Asked for in one request where there is no room for parts; after it, room is looked for again.
    static let stretch: Int64 = 128 * 1024 * 1024

    /// Takes the next bytes. An error that it throws is none of upstream's, and ends the transfer.
    typealias Sink = (ByteBuffer) async throws -> Void

    private struct SinkError: Error, CustomStringConvertible {
        let error: any Error
        var description: String { "\(error)" }
    }

    private let order: Fills.Order
    private let upstream: any UpstreamRegistry
    private let slots: FillSlots
    private let ticket: FillSlots.Ticket
    private var budget: RetryBudget
    /// The blob's size, once the manifest or upstream has told it.
    private var size: Int64?
    private var validator: String?
    private var servesRanges = false
    /// Upstream has refused a range: from then on only the whole blob is asked for.
    private var refusesRanges = false
    private var sink: Sink?
    /// Bytes that the sink has taken.
    private(set) var written: Int64 = 0
    /// Where the head ends; nil for the end of the blob.
    private var head: Int64?
    /// In their order, from where the head ends.
    private var ahead: [AheadPart] = []
    /// How often it broke and went on.
    private(set) var resumed = 0
    /// How many parts were fetched ahead.
    private(set) var parts = 0

    init(
        _ order: Fills.Order, from upstream: any UpstreamRegistry, slots: FillSlots, ticket: FillSlots.Ticket,
        retry: RetryPolicy
    ) {
        self.order = order
        self.upstream = upstream
        self.slots = slots
        self.ticket = ticket
        budget = RetryBudget(retry)
        size = order.size
    }

    /// Brings the whole blob to the sink. Asks `begin` for the sink once upstream has begun to answer.
    ///
    /// Throws `UpstreamError` where upstream does not give it, `Refusal(.upstreamInvalid)` where it gives another length, and
    /// what `begin` and the sink throw.
    func run(_ begin: (_ size: Int64?) throws -> Sink) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            defer {
                dropAhead()
                group.cancelAll()
            }
            func start(_ part: AheadPart) {
                let (upstream, digest, source, validator, size) = (upstream, order.digest, source, validator, size ?? 0)
                group.addTask {
                    await part.fetch(digest, size: size, validator: validator, from: upstream, in: source)
                }
            }
            repeat {
                if ahead.isEmpty {
                    assignHead()
                } else {
                    try await writeAhead(start)
                }
                if sink == nil || written < head ?? .max { try await fetchHead(begin, start) }
            } while written < size ?? 0
        }
    }

    // MARK: What is asked next

    /// The order's source, with the priority that the ticket has by now.
    private var source: UpstreamSource {
        var source = order.source
        source.priority = ticket.priority
        return source
    }

    private func assignHead() {
        guard let size, !refusesRanges else { return head = nil }
        let rest = size - written
        // Two parts at least, or it is not worth a second request.
        let isSplit = rest >= 2 * Self.part && (servesRanges || sink == nil) && slots.hasRoom(for: ticket)
        let length = isSplit ? Self.part : Self.stretch
        // A rest that is shorter than a stretch is fetched along with it.
        head = rest < 2 * length ? size : written + length
    }

    private func startAhead(_ start: (AheadPart) -> Void) {
        guard servesRanges, let size, let head else { return }
        while slots.takePart(ticket, having: ahead.count) {
            let first = ahead.last?.range.upperBound ?? head
            guard first < size else { return slots.returnPart() }
            let part = AheadPart(first..<min(first + Self.part, size))
            ahead.append(part)
            parts += 1
            start(part)
        }
    }

    /// Gives up what was fetched ahead: upstream sends more, or less, than it was asked for.
    private func dropAhead() {
        for _ in ahead { slots.returnPart() }
        ahead = []
    }

    // MARK: What comes

    /// The first part ahead becomes the head. `fetchHead` fetches what it did not bring.
    private func writeAhead(_ start: (AheadPart) -> Void) async throws {
        let part = ahead.removeFirst()
        slots.returnPart()
        head = part.range.upperBound
        startAhead(start)
        while let bytes = await part.next() {
            try Task.checkCancellation()
            try await write(bytes)
        }
    }

    /// Fetches from where the sink has come to the head's end, and again after each break that the retry budget allows.
    private func fetchHead(_ begin: (Int64?) throws -> Sink, _ start: (AheadPart) -> Void) async throws {
        while true {
            do {
                let blob = try await upstream.blob(order.digest, range: range, in: source)
                try heard(blob, begin)
                startAhead(start)
                try await receive(blob)
                if size == nil { size = written }
                guard let end = head ?? size, written < end else { return }
                throw UpstreamError(
                    .unavailable, host: order.source.host, "it ended after \(written) of \(size ?? end) bytes")
            } catch let stop as SinkError {
                throw stop.error
            } catch let error as UpstreamError where refusesRange(error) {
                // Ranges are optional (RFC 9110, 14.2).
                refusesRanges = true
                sendsEverything()
            } catch {
                let pause = budget.pause(
                    after: error, at: written, isAnswered: sink != nil, chance: Double.random(in: 0..<1))
                guard let pause else { throw error }
                resumed += 1
                try await Task.sleep(for: pause)
            }
        }
    }

    /// Some servers answer a range with a refusal that does not concern the blob itself (400, 416 and the like), or with another
    /// range than the one asked for.
    private func refusesRange(_ error: UpstreamError) -> Bool {
        error.kind == .invalid && !range.isWhole && !refusesRanges && error.wasAsked
    }

    private var range: UpstreamRange {
        if refusesRanges { return .whole }
        // With an end wherever it is known: some registries refuse an open range.
        let end = head ?? size
        let isWhole = written == 0 && end == size
        return UpstreamRange(
            offset: written, length: isWhole ? nil : end.map { $0 - written }, validator: written > 0 ? validator : nil)
    }

    private func heard(_ blob: UpstreamBlob, _ begin: (Int64?) throws -> Sink) throws {
        if let told = blob.size, let size, told != size {
            // The range may have been cut from an encoded copy of another length. The whole blob, asked for next, tells.
            guard range.isWhole else {
                throw UpstreamError(
                    .invalid, host: order.source.host, "it sent a range of \(told) bytes where the blob has \(size)")
            }
            throw Refusal.wrongLength(order, expected: size, got: told)
        }
        size = size ?? blob.size
        validator = validator ?? blob.validator
        servesRanges = blob.servesRanges
        if blob.offset < written { sendsEverything() }
        guard sink == nil else { return }
        do { sink = try begin(size) } catch { throw SinkError(error: error) }
    }

    /// Upstream does not serve the range that it was asked for: it sends the blob to its end.
    private func sendsEverything() {
        servesRanges = false
        head = size
        dropAhead()
    }

    private func receive(_ blob: UpstreamBlob) async throws {
        var position = blob.offset
        for try await part in blob.body {
            var part = part
            let before = Int(clamping: min(Int64(part.readableBytes), max(0, written - position)))
            position += Int64(part.readableBytes)
            part.moveReaderIndex(forwardBy: before)
            guard part.readableBytes > 0 else { continue }
            if let head, written + Int64(part.readableBytes) > head, head != size { sendsEverything() }
            try await write(part)
        }
    }

    private func write(_ bytes: ByteBuffer) async throws {
        written += Int64(bytes.readableBytes)
        if let size, written > size { throw Refusal.wrongLength(order, expected: size, got: written) }
        do { try await sink?(bytes) } catch { throw SinkError(error: error) }
    }
}

extension Refusal {
    fileprivate static func wrongLength(_ order: Fills.Order, expected: Int64, got: Int64) -> Refusal {
        Refusal(
            .upstreamInvalid,
            "The upstream registry \(order.source.host) sent \(got) bytes for \(order.digest), not the \(expected) it told")
    }
}
