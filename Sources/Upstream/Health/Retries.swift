import Synchronization
import WeirCore

/// Which requests are repeated, and when.
///
/// A request is repeated where it failed quickly and for no lasting reason, and only while the upstream as a whole is well: every
/// success earns a tenth of a repetition, so that repetitions never double what a struggling upstream gets.
final class Retries: Sendable {
    private static let earned = 0.1
    private static let most = 10.0
    private static let quick: Duration = .seconds(1)

    /// By host.
    private let credit = Mutex(BoundedMap<String, Double>(capacity: 4096))

    func earn(_ host: String) {
        credit.withLock { $0[host] = min(Self.most, ($0[host] ?? Self.most) + Self.earned) }
    }

    func mayRepeat(_ question: Question, after error: UpstreamError, took: Duration, attempt: Int) -> Bool {
        // A fill resumes its blob by itself. A check whether a tag has moved has the old answer to fall back on.
        let most =
            switch question {
            case .blob: 0
            case .look: 1
            case .manifest, .list: 2
            }
        guard attempt <= most, error.wasAsked, error.blamesServer, error.kind == .unavailable, took < Self.quick,
            error.status.map({ [502, 503, 504].contains($0) }) ?? true, error.retryAfter == nil,
            // A certificate or a name does not get better in a tenth of a second.
            error.step == .request || error.step == .connection, !Task.isCancelled
        else { return false }
        return credit.withLock { credit in
            let left = credit[error.host] ?? Self.most
            guard left >= 1 else { return false }
            credit[error.host] = left - 1
            return true
        }
    }

    /// Waits at random: 20–60 ms for a look, else 50–150 ms times the square of `attempt`. False where the task was cancelled.
    func pause(_ question: Question, attempt: Int) async -> Bool {
        let milliseconds = question == .look ? Int.random(in: 20...60) : Int.random(in: 50...150) * (attempt * attempt)
        do { try await Task.sleep(for: .milliseconds(milliseconds)) } catch { return false }
        return true
    }
}
