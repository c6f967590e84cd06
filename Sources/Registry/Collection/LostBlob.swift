package import WeirCore

/// A blob in quarantine: it was taken out of its place, and can be brought back until it is deleted.
package struct LostBlob: Sendable, Equatable {
    package enum Reason: String, Sendable, CaseIterable {
        /// No repository may serve it: the images that named it were deleted, or their repository.
        case unreferenced
        /// A file without a row.
        case orphan
        /// Its bytes are not what was stored.
        case damaged
    }

    package let blob: QuarantinedBlob
    /// Bytes of the blob; for an orphan those of its file.
    package let size: Int64
    package let reason: Reason
    package let since: Timestamp
    /// Some of the repositories that held it, `ACCOUNT.REGION/NAME`.
    package let holders: [String]

    package var digest: Digest { blob.location.digest }
}

/// Which blobs of the quarantine are meant.
package enum LostSelection: Sendable, Equatable {
    case all
    case digests([Digest])
}

/// The outcome of bringing blobs back, or of deleting them.
package struct LostReport: Sendable, Equatable {
    package struct Failure: Sendable, Equatable {
        package let digest: Digest
        /// What happened, and what to do.
        package let reason: String
    }

    /// Failures that are listed; further ones are counted.
    static let listed = 1_000

    package var done = CollectionReport.Count()
    package var failureCount: Int64 = 0
    package var failures: [Failure] = []

    mutating func fail(_ digest: Digest, _ reason: String) {
        failureCount += 1
        if failures.count < Self.listed { failures.append(Failure(digest: digest, reason: reason)) }
    }
}
