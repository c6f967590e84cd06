import Metrics
import Synchronization
import WeirCore

/// The circuit of every server that requests go to: upstreams, their token servers, the storages that they redirect to.
///
/// A circuit belongs to the server and not to a rule, since a dead server is dead for all rules. So only the requests that were
/// sent before the circuit opened wait for a time-out. A server met by a redirect is the exception: each registry that redirects
/// there has a circuit of its own for it. Otherwise a hostile registry could shut other registries' storages by its redirects.
final class Circuits: Sendable {
    typealias Cause = CircuitCause

    /// The server that a circuit belongs to.
    struct Target: Hashable, Sendable {
        let origin: Origin
        /// The registry that redirected there; nil for a server that was not met by a redirect.
        let sentBy: String?

        init(_ origin: Origin, sentBy: String? = nil) {
            self.origin = origin
            self.sentBy = sentBy
        }
    }

    /// True where the server answers.
    typealias Probe = @Sendable () async -> Bool

    enum Admission: Sendable {
        case pass
        case refuse(Cause, for: Duration)
    }

    /// Registries and token servers: as many as rules can name.
    private static let maxOwn = 4096
    /// Servers met by redirects: strangers choose their names.
    private static let maxElsewhere = 1024

    private struct Tables {
        var own: CircuitTable<Target>
        /// A table of its own: these servers push out only each other, never a registry.
        var elsewhere: CircuitTable<Target>

        mutating func with<Value>(_ target: Target, _ body: (inout CircuitTable<Target>) -> Value) -> Value {
            target.sentBy == nil ? body(&own) : body(&elsewhere)
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

    /// Whether the server may be asked now. Waits for the result of a probe, `patience` at most.
    func admit(_ target: Target, patience: Duration, probe: @escaping Probe) async -> Admission {
        let now = ContinuousClock.now
        let step = with(target) { table -> (Circuit.Admission, Cause, OneShot<Bool>?)? in
            guard table.entry(target, at: now) != nil else { return nil }
            return table.change(target) { entry in
                let admission = entry.circuit.admit(at: now)
                if admission == .probe {
                    let outcome = OneShot<Bool>()
                    entry.probe = outcome
                    // The probe has a time limit of its own. It must outlive the caller that starts it, since others wait for it
                    // too.
                    Task { outcome.resolve(with: await self.probe(target, probe)) }
                }
                return (admission, entry.cause, entry.probe)
            }
        }
        guard let (admission, cause, outcome) = step else { return .pass }
        switch admission {
        case .pass: return .pass
        case .refuse(let wait): return .refuse(cause, for: wait)
        case .probe, .wait:
            let alive = try? await within(patience) { try await outcome?.value() ?? false }
            return alive == true ? .pass : .refuse(cause, for: rules.firstWait)
        }
    }

    func succeeded(_ target: Target) {
        // A server without failures has no entry.
        let (wasKept, open) = with(target) { ($0.remove(target), $0.open) }
        if wasKept { show(false, of: target, open) }
    }

    func failed(_ target: Target, after cost: Duration, because cause: Cause) {
        let (isOpen, open) = with(target) { table in
            let isOpen = table.failed(target, after: cost, because: cause, at: .now)
            return (isOpen, table.open)
        }
        show(isOpen, of: target, open)
    }

    /// The breaker's state as operators see it, and how long requests are still refused.
    func state(of origin: Origin) -> (UpstreamStatus.Breaker, Duration?) {
        let now = ContinuousClock.now
        return tables.withLock { tables in
            switch tables.own.entry(Target(origin), at: now)?.circuit.state {
            case nil, .closed: (.closed, nil)
            case .probing, .trial: (.halfOpen, nil)
            case .open(let until, _): (.open, max(.zero, now.duration(to: until)))
            }
        }
    }

    /// Servers met by redirects share one series, whose value is the number of their open circuits: strangers choose their names.
    private func show(_ isOpen: Bool, of target: Target, _ open: Int) {
        let (host, value) = target.sentBy == nil ? (target.origin.authority, isOpen ? 1 : 0) : ("other", open)
        Gauge(label: "weir_upstream_breaker_open", dimensions: [("host", host)]).record(value)
    }

    private func probe(_ target: Target, _ probe: Probe) async -> Bool {
        let alive = await probe()
        with(target) { table in
            _ = table.change(target) { entry in
                entry.circuit.probed(alive: alive, at: .now)
                entry.probe = nil
            }
        }
        return alive
    }

    private func with<Value: Sendable>(_ target: Target, _ body: (inout CircuitTable<Target>) -> Value) -> Value {
        tables.withLock { $0.with(target, body) }
    }
}
