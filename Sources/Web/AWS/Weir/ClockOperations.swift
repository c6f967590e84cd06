import WeirCore
import WeirRegistry

/// The server's clock: its state, and an operator's word that it is right.
struct ClockOperations: Sendable {
    let registry: Registry
    let clock: SteadyClock
    /// All accounts share the clock, so only the server's own account may ask for it or accept it.
    let home: RegistryID

    var table: [AWSOperation] {
        [
            AWSOperation(.weir, "DescribeClock", may: .registry(home), describe),
            AWSOperation(.weir, "AcceptClock", may: .registry(home), accept),
        ]
    }

    private func describe(_ call: AWSCall) async throws -> JSONValue {
        ["clock": .clock(clock.status)]
    }

    private func accept(_ call: AWSCall) async throws -> JSONValue {
        try await clock.accept()
        return ["clock": .clock(clock.status)]
    }
}

extension JSONValue {
    fileprivate static func clock(_ status: SteadyClock.Status) -> JSONValue {
        let state =
            switch status.reading.state {
            case .steady: "STEADY"
            case .ahead: "AHEAD"
            case .behind: "BEHIND"
            }
        return .members([
            "state": .string(state), "shows": .timestamp(status.reading.wall), "expected": .timestamp(status.reading.trusted),
            "believedInSeconds": status.believedIn.map { .integer($0.microseconds / 1_000_000) },
            "message": .string("The clock \(status.reading.state.text)"),
        ])
    }
}
