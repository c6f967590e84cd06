// What every pull asks for, kept in memory: repositories by name, rules and templates by registry.
//
// Exact, not nearly so. The writer of a row calls `forget` after its commit, and a read of the database that began before then
// cannot put back what it saw: a load holds a ticket for its key, `forget` tears the ticket up, and only a load whose ticket
// still stands may leave its value here. Writes to other keys do not disturb it. All loads with the same ticket are one.
//
// Bounded by cost (`BoundedMap`): what is used stays.

import Synchronization
import WeirCore

package final class HotCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Load: Hashable, Sendable {
        let key: Key
        let ticket: UInt64
    }

    private struct Ticket {
        let number: UInt64
        /// Loads that are under way with this ticket.
        var holders: Int
    }

    private struct State {
        var values: BoundedMap<Key, Value>
        var tickets: [Key: Ticket] = [:]
        var lastTicket: UInt64 = 0
    }

    private let state: Mutex<State>
    private let loads = CallerSingleFlight<Load, Value?>()

    /// - Parameters:
    ///   - capacity: what all values together may cost.
    ///   - cost: of one value, the same each time it is asked; 1 where none is given, so that `capacity` counts values.
    package init(capacity: Int, cost: (@Sendable (Value) -> Int)? = nil) {
        state = Mutex(State(values: BoundedMap(capacity: capacity, cost: cost)))
    }

    /// The value in memory, or else the one that `load` reads, which is remembered. That there is none is never remembered.
    package func value(for key: Key, orLoad load: () async throws -> Value?) async throws -> Value? {
        if let known = known(key) { return known }
        let ticket = begin(key)
        do {
            let value = try await loads.value(for: Load(key: key, ticket: ticket), load)
            end(key, ticket, value)
            return value
        } catch {
            end(key, ticket, nil)
            throw error
        }
    }

    /// The value in memory.
    package func known(_ key: Key) -> Value? { state.withLock { $0.values[key] } }

    /// Call it after every commit that changed what `key` stands for, also when the commit may have failed.
    package func forget(_ key: Key) {
        state.withLock { state in
            state.values[key] = nil
            state.tickets[key] = nil
        }
    }

    private func begin(_ key: Key) -> UInt64 {
        state.withLock { state in
            if let ticket = state.tickets[key] {
                state.tickets[key]?.holders += 1
                return ticket.number
            }
            state.lastTicket += 1
            state.tickets[key] = Ticket(number: state.lastTicket, holders: 1)
            return state.lastTicket
        }
    }

    private func end(_ key: Key, _ number: UInt64, _ value: Value?) {
        state.withLock { state in
            guard let ticket = state.tickets[key], ticket.number == number else { return }
            if ticket.holders == 1 { state.tickets[key] = nil } else { state.tickets[key]?.holders -= 1 }
            if let value, state.values[key] == nil { state.values[key] = value }
        }
    }
}
