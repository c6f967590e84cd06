import NIOCore

/// The open connections by client, and which of them close when another needs a place. Pure.
///
/// Strangers go first: those of the client that has most of them, the oldest first, so that a flood makes room out of its own.
/// Without strangers, the connections of the client that has most are asked to close if they are idle.
package struct ConnectionRoom {
    package typealias ID = ObjectIdentifier

    private struct Member {
        let client: ClientGroup
        /// Tells two apart that have the same address in memory, one after the other.
        let number: UInt64
        var isStranger = true
    }

    /// The oldest first. An entry whose member has left, or has become a caller, is left in it and skipped.
    private struct Queue {
        var entries: CircularBuffer<(id: ID, number: UInt64)> = []
        var count = 0
    }

    private struct Group {
        var strangers = Queue()
        var callers = Queue()
        var count: Int { strangers.count + callers.count }
    }

    private var members: [ID: Member] = [:]
    private var groups: [ClientGroup: Group] = [:]
    private var next: UInt64 = 0

    package init() {}

    package var count: Int { members.count }

    package func count(of client: ClientGroup) -> Int { groups[client]?.count ?? 0 }

    package mutating func add(_ id: ID, of client: ClientGroup) {
        next += 1
        members[id] = Member(client: client, number: next)
        groups[client, default: Group()].strangers.count += 1
        groups[client]?.strangers.entries.append((id, next))
    }

    package mutating func prove(_ id: ID) {
        guard let member = members[id], member.isStranger else { return }
        members[id]?.isStranger = false
        change(member.client, \.strangers, by: -1)
        groups[member.client]?.callers.count += 1
        groups[member.client]?.callers.entries.append((id, member.number))
    }

    package mutating func remove(_ id: ID) {
        guard let member = members.removeValue(forKey: id) else { return }
        change(member.client, member.isStranger ? \.strangers : \.callers, by: -1)
        if groups[member.client]?.count == 0 { groups[member.client] = nil }
    }

    /// Strangers that are to go, at most so many. They are named once.
    ///
    /// - Parameters:
    ///   - client: whose; nil for that of the client with the most.
    ///   - few: a client that has no more than so many keeps them: it may have had no time yet to prove who it is.
    package mutating func strangersToClose(_ most: Int, of client: ClientGroup? = nil, sparing few: Int = 0) -> [ID] {
        guard let client = client ?? biggest(\.strangers), groups[client]?.strangers.count ?? 0 > few else { return [] }
        // Half of them at most: another client may have nearly as many.
        let share = max(1, (groups[client]?.strangers.count ?? 0) / 2)
        var chosen: [ID] = []
        while chosen.count < min(most, share), let entry = groups[client]?.strangers.entries.popFirst() {
            guard let member = members[entry.id], member.number == entry.number, member.isStranger else { continue }
            chosen.append(entry.id)
        }
        return chosen
    }

    /// Callers that are to go where they are idle, at most so many; asked again, others are named first.
    package mutating func callersToAsk(_ most: Int) -> [ID] {
        guard let client = biggest(\.callers), let group = groups[client] else { return [] }
        var chosen: [ID] = []
        for _ in 0..<group.callers.entries.count where chosen.count < most {
            guard let entry = groups[client]?.callers.entries.popFirst() else { break }
            guard members[entry.id]?.number == entry.number else { continue }
            chosen.append(entry.id)
            groups[client]?.callers.entries.append(entry)
        }
        return chosen
    }

    private func biggest(_ queue: KeyPath<Group, Queue>) -> ClientGroup? {
        let candidates = groups.filter { !$0.value[keyPath: queue].entries.isEmpty }
        return candidates.max { $0.value[keyPath: queue].count < $1.value[keyPath: queue].count }?.key
    }

    /// One more or less; clears away what is skipped where it has grown to be most of the queue.
    private mutating func change(_ client: ClientGroup, _ queue: WritableKeyPath<Group, Queue>, by difference: Int) {
        guard var changed = groups[client]?[keyPath: queue] else { return }
        groups[client]?[keyPath: queue] = Queue()
        changed.count += difference
        if changed.entries.count > 2 * changed.count + 64 {
            let isOfStrangers = queue == \Group.strangers
            changed.entries.removeAll { entry in
                members[entry.id].map { $0.number != entry.number || $0.isStranger != isOfStrangers } ?? true
            }
        }
        groups[client]?[keyPath: queue] = changed
    }
}
