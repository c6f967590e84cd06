import Metrics
import Synchronization
import WeirCore

/// The circuit of every server that is asked: upstreams, their token servers, the storages that they redirect to.
///
/// It is kept for the server and not for the rule: that a server is dead is true for all. So of all who ask one that has fallen silent
/// only those wait who asked before anybody knew.
final class Circuits: Sendable {
    /// What the last failure was, so that a "no" says why.
    struct Cause: Sendable {
        let detail: String
        let status: Int?
    }

    /// True where the server answers.
    typealias Probe = @Sendable () async -> Bool

    private struct Entry {
        var circuit: Circuit
        var cause = Cause(detail: "it does not answer", status: nil)
        var probe: Latch<Bool>?
    }

    enum Verdict: Sendable {
        case pass
        case refuse(Cause, for: Duration)
    }

    /// More servers than are ever asked; when it is hit, those that are well are forgotten.
    private static let maxEntries = 4096

    private let rules: Circuit.Rules
    private let entries = Mutex<[Origin: Entry]>([:])

    init(_ rules: Circuit.Rules) { self.rules = rules }

    /// Whether `origin` may be asked now. Where a probe must tell, its result is awaited for `patience`, and no longer.
    func admit(_ origin: Origin, patience: Duration, probe: @escaping Probe) async -> Verdict {
        let step = entries.withLock { entries -> (Circuit.Admission, Cause, Latch<Bool>?) in
            guard var entry = entries[origin] else { return (.pass, Cause(detail: "", status: nil), nil) }
            let admission = entry.circuit.admit(at: .now)
            if admission == .probe {
                let latch = Latch<Bool>()
                entry.probe = latch
                // Bounded by its own time limit. It must outlive the caller that happens to start it: others wait for it too.
                Task { latch.open(with: await self.probe(origin, probe)) }
            }
            entries[origin] = entry
            return (admission, entry.cause, entry.probe)
        }
        switch step.0 {
        case .pass: return .pass
        case .refuse(let wait): return .refuse(step.1, for: wait)
        case .probe, .wait:
            let alive = try? await within(patience) { await step.2?.value() ?? false }
            return alive == true ? .pass : .refuse(step.1, for: rules.firstWait)
        }
    }

    func succeeded(_ origin: Origin) {
        // Nothing is kept of those that are well.
        let wasKept = entries.withLock { $0.removeValue(forKey: origin) != nil }
        if wasKept { show(false, of: origin) }
    }

    private func show(_ isOpen: Bool, of origin: Origin) {
        Gauge(label: "weir_upstream_breaker_open", dimensions: [("host", origin.authority)]).record(isOpen ? 1 : 0)
    }

    func failed(_ origin: Origin, after cost: Duration, because cause: Cause) {
        let isOpen = entries.withLock { entries in
            if entries.count >= Self.maxEntries { entries = entries.filter { $0.value.circuit.isOpen } }
            var entry = entries[origin] ?? Entry(circuit: Circuit(rules))
            entry.circuit.failed(after: cost, at: .now)
            entry.cause = cause
            entries[origin] = entry
            return entry.circuit.isOpen
        }
        show(isOpen, of: origin)
    }

    /// The breaker's state as it is shown, and how long nothing is asked.
    func state(of origin: Origin) -> (UpstreamStatus.Breaker, Duration?) {
        entries.withLock { entries in
            switch entries[origin]?.circuit.state {
            case nil, .closed: (.closed, nil)
            case .probing, .trial: (.halfOpen, nil)
            case .open(let until, _): (.open, max(.zero, ContinuousClock.now.duration(to: until)))
            }
        }
    }

    private func probe(_ origin: Origin, _ probe: Probe) async -> Bool {
        let alive = await probe()
        entries.withLock { entries in
            entries[origin]?.circuit.probed(alive: alive, at: .now)
            entries[origin]?.probe = nil
        }
        return alive
    }
}

extension Circuit {
    var isOpen: Bool {
        if case .closed = state { false } else { true }
    }
}
