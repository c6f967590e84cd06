package import WeirCore

/// What a collection did, or would do.
package struct CollectionReport: Sendable, Equatable {
    /// Things of one kind, and the bytes they took.
    package struct Count: Sendable, Equatable {
        package var items: Int64 = 0
        package var bytes: Int64 = 0

        package init(items: Int64 = 0, bytes: Int64 = 0) {
            self.items = items
            self.bytes = bytes
        }

        mutating func add(_ size: Int64, items count: Int64 = 1) {
            items.add(count)
            bytes.add(size)
        }
    }

    package var isDryRun: Bool
    package var startedAt: Timestamp
    package var endedAt: Timestamp
    /// Repositories that may no longer serve a blob which none of their images names.
    package var memberships: Int64 = 0
    /// Blobs that no repository may serve: they went into quarantine.
    package var blobs = Count()
    /// Files without a row, as a crash leaves them: they went into quarantine.
    package var orphans = Count()
    /// What had waited long enough in quarantine, and was deleted for good.
    package var emptied = Count()
    /// Why files without a row were left alone, and what goes on; nil where they were not.
    package var stopped: String?
    /// Cached blobs that gave way to the size cap. Their images stay listed.
    package var evicted = Count()
    /// Files that could not be moved or deleted; the next run tries again.
    package var failures: Int64 = 0
    /// What is stored afterwards.
    package var stored = Count()
    /// How much of it upstream can give again: what the size cap counts.
    package var cached = Count()

    init(isDryRun: Bool, at now: Timestamp) {
        self.isDryRun = isDryRun
        startedAt = now
        endedAt = now
    }

    /// Bytes that were, or would be, given back.
    package var freedBytes: Int64 { [emptied.bytes, evicted.bytes].total }

    var hasDoneAnything: Bool {
        memberships > 0 || [blobs, orphans, emptied, evicted].contains { $0.items > 0 }
    }
}

/// How far a chore has come.
package struct ChoreProgress: Sendable, Equatable {
    package enum Phase: String, Sendable {
        case waiting, quarantine, memberships, blobs, orphans, eviction, manifests, layers, done
    }

    package var phase = Phase.waiting
    /// Things looked at in this phase.
    package var done: Int64 = 0
    /// How many there are, where that is known.
    package var total: Int64?
    /// Bytes read in this phase.
    package var bytes: Int64 = 0

    init(_ phase: Phase = .waiting, done: Int64 = 0, total: Int64? = nil, bytes: Int64 = 0) {
        self.phase = phase
        self.done = done
        self.total = total
        self.bytes = bytes
    }
}
