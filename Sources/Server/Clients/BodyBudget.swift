import NIOCore
import Synchronization
import WeirCore

/// Bounds the memory of all bodies that are collected whole: API calls and manifests. A layer is stored as it comes and takes
/// none of it.
///
/// A body gets its room before its first byte is read, and gives it back when its response is made. Without room it waits in a
/// queue, for `patience` at most. The last of the room goes only to clients that hold none: one client cannot take all of it.
package final class BodyBudget: Sendable {
    /// The whole process's.
    package static let shared = BodyBudget()

    /// Shorter bodies are read without asking: as many as there may be connections are still no burden.
    package static let free = 16 << 10

    private struct State {
        var room: BodyRoom
        var next: UInt64 = 0
        var waiting: [UInt64: CheckedContinuation<Void, any Error>] = [:]
        var gaveUp: Set<UInt64> = []
    }

    private let state: Mutex<State>
    private let patience: Duration

    /// - Parameter patience: how long a body waits for its room.
    package init(total: Int = 128 << 20, kept: Int = 32 << 20, patience: Duration = .seconds(20)) {
        state = Mutex(State(room: BodyRoom(total: total, kept: kept)))
        self.patience = patience
    }

    /// Does `work` with room for a body of `count` bytes. Throws the refusal `.throttled` where there is none, and what `work`
    /// throws.
    package func withRoom<Value>(
        for count: Int, of client: ClientGroup, _ work: () async throws -> Value
    ) async throws -> Value {
        guard count > Self.free else { return try await work() }
        try await take(count, client)
        defer { give(count, client) }
        return try await work()
    }

    private func take(_ count: Int, _ client: ClientGroup) async throws {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        switch state.withLock({ $0.room.ask(count, of: client, as: id) }) {
        case .granted: return
        case .refused: throw Self.refusal
        case .waits: break
        }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.wait(id) }
                group.addTask {
                    try await Task.sleep(for: self.patience)
                    throw Self.refusal
                }
                defer { group.cancelAll() }
                try await group.next()
            }
            state.withLock { state in
                _ = state.room.forget(id)
                state.gaveUp.remove(id)
            }
        } catch {
            // It may have been granted at the last moment.
            let isGranted = state.withLock { state in
                state.gaveUp.remove(id)
                return state.room.forget(id) == .granted
            }
            if isGranted { give(count, client) }
            throw error
        }
    }

    private func wait(_ id: UInt64) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let answer: Result<Void, any Error>? = state.withLock { state in
                    if state.gaveUp.remove(id) != nil { return .failure(CancellationError()) }
                    if state.room.isGranted(id) { return .success(()) }
                    state.waiting[id] = continuation
                    return nil
                }
                if let answer { continuation.resume(with: answer) }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                let continuation = state.waiting.removeValue(forKey: id)
                // It may be only about to wait.
                if continuation == nil, !state.room.isGranted(id) { state.gaveUp.insert(id) }
                return continuation
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    private func give(_ count: Int, _ client: ClientGroup) {
        let granted = state.withLock { state in
            state.room.give(count, of: client).compactMap { state.waiting.removeValue(forKey: $0) }
        }
        for continuation in granted { continuation.resume() }
    }

    private static var refusal: Refusal {
        Refusal(
            .throttled, "Too many long requests are being read. Try again in a few seconds.", retryAfter: .seconds(5))
    }
}

/// The room that each client holds, and the queue of those that wait for some. Pure.
package struct BodyRoom {
    package enum Answer: Equatable { case granted, waits, refused }

    /// Bodies of one client that may wait: more would fill the queue for all.
    package static let mostWaitingOfOne = 32
    package static let mostWaiting = 1_024

    private struct Wish {
        let id: UInt64
        let count: Int
        let client: ClientGroup
    }

    private let total: Int
    private let kept: Int
    package private(set) var used = 0
    private var held: [ClientGroup: Int] = [:]
    private var waiting: [Wish] = []
    /// Granted after a wait whose end the waiting body has not seen yet.
    private var granted: Set<UInt64> = []

    /// - Parameter kept: what is left for clients that hold nothing. No body may be longer.
    package init(total: Int, kept: Int) {
        self.total = total
        self.kept = kept
    }

    package mutating func ask(_ count: Int, of client: ClientGroup, as id: UInt64) -> Answer {
        guard count <= kept else { return .refused }
        // A client without room waits only for the others: none may overtake it.
        if waiting.allSatisfy({ held[$0.client] != nil }), fits(count, client) {
            hold(count, client)
            return .granted
        }
        guard waiting.count < Self.mostWaiting, waiting.count(where: { $0.client == client }) < Self.mostWaitingOfOne else {
            return .refused
        }
        waiting.append(Wish(id: id, count: count, client: client))
        return .waits
    }

    /// Gives room back. Returns the ids of the bodies that get it, in order.
    package mutating func give(_ count: Int, of client: ClientGroup) -> [UInt64] {
        used -= count
        if let rest = held[client].map({ $0 - count }) { held[client] = rest > 0 ? rest : nil }
        var now: [UInt64] = []
        var left: [Wish] = []
        var isHeldUp = false
        for wish in waiting {
            if !isHeldUp, fits(wish.count, wish.client) {
                hold(wish.count, wish.client)
                now.append(wish.id)
            } else {
                // A client that holds nothing waits for the others: none behind it may take its room.
                if held[wish.client] == nil { isHeldUp = true }
                left.append(wish)
            }
        }
        waiting = left
        granted.formUnion(now)
        return now
    }

    package func isGranted(_ id: UInt64) -> Bool { granted.contains(id) }

    /// The body waits no longer. `.granted` if it has its room by now.
    package mutating func forget(_ id: UInt64) -> Answer {
        if granted.remove(id) != nil { return .granted }
        waiting.removeAll { $0.id == id }
        return .refused
    }

    private func fits(_ count: Int, _ client: ClientGroup) -> Bool {
        used + count <= total - (held[client] == nil ? 0 : kept)
    }

    private mutating func hold(_ count: Int, _ client: ClientGroup) {
        used += count
        held[client, default: 0] += count
    }
}
