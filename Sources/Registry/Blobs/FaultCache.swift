import Synchronization
import WeirCore

/// When a fault of a place was last written down, and when what has one was last read whole: neither is done for every reader.
final class FaultCache: Sendable {
    private struct State {
        var told = BoundedMap<BlobLocation, (state: BlobFault.State, at: Timestamp)>(capacity: 4_096)
        var examined = BoundedMap<BlobLocation, (fault: BlobFault, at: Timestamp)>(capacity: 4_096)
    }

    private let state = Mutex(State())

    /// True where it has not been told within the last minute.
    func isNews(_ fault: BlobFault, of location: BlobLocation, at now: Timestamp) -> Bool {
        state.withLock { state in
            if let told = state.told[location], told.state == fault.state, Self.isWithin(.seconds(60), told.at, now) {
                return false
            }
            state.told[location] = (fault.state, now)
            return true
        }
    }

    /// What reading the whole blob found a moment ago.
    func recentFault(of location: BlobLocation, at now: Timestamp) -> BlobFault? {
        state.withLock { $0.examined[location] }.flatMap { Self.isWithin(.milliseconds(100), $0.at, now) ? $0.fault : nil }
    }

    func remember(_ fault: BlobFault, of location: BlobLocation, at now: Timestamp) {
        state.withLock { $0.examined[location] = (fault, now) }
    }

    func forget(_ location: BlobLocation) {
        state.withLock { state in
            state.told[location] = nil
            state.examined[location] = nil
        }
    }

    /// A clock may be put back.
    private static func isWithin(_ duration: Duration, _ moment: Timestamp, _ now: Timestamp) -> Bool {
        moment <= now && now - moment < duration
    }
}
