import Metrics
import Synchronization
import WeirCore

/// The circuit of every server that is asked: upstreams, their token servers, the storages that they redirect to.
///
/// It is kept for the server and not for the rule: that a server is dead is true for all. So of all who ask one that has fallen
/// silent only those wait who asked before anybody knew. A server that was met by a redirect is the exception: what happens there
/// counts for the registry that sent us, or whoever writes redirects could shut other people's storages.
final class Circuits: Sendable {
    typealias Cause = CircuitCause

    /// Whose circuit it is.
    struct Place: Hashable, Sendable {
        let origin: Origin
        /// The registry that redirected there; nil where the server was meant from the beginning.
        let sentBy: String?

        init(_ origin: Origin, sentBy: String? = nil) {
            self.origin = origin
            self.sentBy = sentBy
        }
    }

    /// True where the server answers.
    typealias Probe = @Sendable () async -> Bool

    enum Verdict: Sendable {
        case pass
        case refuse(Cause, for: Duration)
    }

    /// Registries and token servers: as many as rules can name.
    private static let maxOwn = 4096
    /// Servers met by redirects, whose names strangers make up.
    private static let maxElsewhere = 1024

    private struct Tables {
        var own: CircuitTable<Place>
        /// They have a table of their own, so that they push each other out of it and nobody else.
        var elsewhere: CircuitTable<Place>

        mutating func with<Value>(_ place: Place, _ body: (inout CircuitTable<Place>) -> Value) -> Value {
            place.sentBy == nil ? body(&own) : body(&elsewhere)
        }
    }

    private let rules: Circuit.Rules
    private let tables: Mutex<Tables>

    init(_ rules: Circuit.Rules) {
        self.rules = rules
        tables = Mutex(
            Tables(
                own: CircuitTable(rules, limit: Self.maxOwn), elsewhere: CircuitTable(rules, limit: Self.maxElsewhere)))
    }

    /// Whether the server may be asked now. Where a probe must tell, its result is awaited for `patience`, and no longer.
    func admit(_ place: Place, patience: Duration, probe: @escaping Probe) async -> Verdict {
        let now = ContinuousClock.now
        let step = with(place) { table -> (Circuit.Admission, Cause, Latch<Bool>?)? in
            guard table.entry(place, at: now) != nil else { return nil }
            return table.change(place) { entry in
                let admission = entry.circuit.admit(at: now)
                if admission == .probe {
                    let latch = Latch<Bool>()
                    entry.probe = latch
                    // Bounded by its own time limit. It must outlive the caller that happens to start it: others wait for it too.
                    Task { latch.open(with: await self.probe(place, probe)) }
                }
                return (admission, entry.cause, entry.probe)
            }
        }
        guard let (admission, cause, latch) = step else { return .pass }
        switch admission {
        case .pass: return .pass
        case .refuse(let wait): return .refuse(cause, for: wait)
        case .probe, .wait:
            let alive = try? await within(patience) { await latch?.value() ?? false }
            return alive == true ? .pass : .refuse(cause, for: rules.firstWait)
        }
    }

    func succeeded(_ place: Place) {
        // Nothing is kept of those that are well.
        let (wasKept, open) = with(place) { ($0.remove(place), $0.open) }
        if wasKept { show(false, of: place, open) }
    }

    func failed(_ place: Place, after cost: Duration, because cause: Cause) {
        let (isOpen, open) = with(place) { table in
            let isOpen = table.failed(place, after: cost, because: cause, at: .now)
            return (isOpen, table.open)
        }
        show(isOpen, of: place, open)
    }

    /// The breaker's state as it is shown, and how long nothing is asked.
    func state(of origin: Origin) -> (UpstreamStatus.Breaker, Duration?) {
        let now = ContinuousClock.now
        return tables.withLock { tables in
            switch tables.own.entry(Place(origin), at: now)?.circuit.state {
            case nil, .closed: (.closed, nil)
            case .probing, .trial: (.halfOpen, nil)
            case .open(let until, _): (.open, max(.zero, now.duration(to: until)))
            }
        }
    }

    /// What servers that redirects led to are doing is told in one series, as a number: a stranger chooses their names.
    private func show(_ isOpen: Bool, of place: Place, _ open: Int) {
        let (host, value) = place.sentBy == nil ? (place.origin.authority, isOpen ? 1 : 0) : ("other", open)
        Gauge(label: "weir_upstream_breaker_open", dimensions: [("host", host)]).record(value)
    }

    private func probe(_ place: Place, _ probe: Probe) async -> Bool {
        let alive = await probe()
        with(place) { table in
            _ = table.change(place) { entry in
                entry.circuit.probed(alive: alive, at: .now)
                entry.probe = nil
            }
        }
        return alive
    }

    private func with<Value: Sendable>(_ place: Place, _ body: (inout CircuitTable<Place>) -> Value) -> Value {
        tables.withLock { $0.with(place, body) }
    }
}
