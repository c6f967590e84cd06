package import WeirCore

/// What a collection did, or would do.
package struct CollectionReport: Sendable, Equatable {
    /// A number of things of one kind, and their bytes.
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
    /// Memberships that were ended: none of the repository's images names the blob.
    package var memberships: Int64 = 0
    /// Blobs that no repository may serve. They went into quarantine.
    package var blobs = Count()
    /// Files without a row, as a crash leaves them. They went into quarantine.
    package var orphans = Count()
    /// Blobs that had waited long enough in quarantine, and were deleted for good.
    package var emptied = Count()
    /// Why files without a row were left alone, and what to do; nil where they were not.
    package var stopped: String?
    /// Cached blobs that were removed for the size cap. Their images stay listed.
    package var evicted = Count()
    /// Files that could not be moved or deleted; the next run tries again.
    package var failures: Int64 = 0
    /// What is stored after the run.
    package var stored = Count()
    /// The part of it that upstream can give again: the size cap counts this.
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

/// A job's progress.
package struct JobProgress: Sendable, Equatable {
    package enum Phase: String, Sendable {
        case waiting, quarantine, memberships, blobs, orphans, eviction, manifests, layers, done
    }

    package var phase = Phase.waiting
    /// Things done in this phase.
    package var done: Int64 = 0
    /// The number of things in this phase, where it is known.
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
