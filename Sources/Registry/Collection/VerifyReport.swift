package import WeirCore

/// What a verification found.
package struct VerifyReport: Sendable, Equatable {
    /// One fault.
    package struct Fault: Sendable, Equatable {
        package enum Kind: String, Sendable, CaseIterable {
            /// The row says that the blob is here, and its file is not.
            case missingFile
            /// The file's length does not belong to a blob of this size.
            case wrongLength
            /// The bytes are not those that were sealed.
            case damaged
            /// The bytes open, but have another digest.
            case wrongDigest
            /// The disk does not deliver the bytes now, so they cannot be checked. Never touched.
            case unreadable
            /// The sealing key is not here: it was deleted, or the database does not belong to the files. Never touched.
            case keyGone
            /// A file without a row: garbage that a crash left.
            case orphanFile
            /// A file that this program did not put there. Never touched.
            case strayFile
            /// A manifest's stored bytes are not those that were sealed.
            case damagedManifest
            /// An image names a blob that is not here and cannot come from upstream.
            case missingLayer
        }

        package let kind: Kind
        /// Where the fault is: a blob's place, a file, or REPOSITORY@DIGEST.
        package let subject: String
        /// Further facts about the fault.
        package let detail: String
        /// Repositories that the fault concerns, `ACCOUNT/REGION/NAME`, at most ten.
        package let repositories: [String]
        /// The fault is mended: the content was removed, or upstream will give it when it is asked for.
        package var isRepaired = false
        /// Only a push of the same content brings it back.
        package var needsPush = false
    }

    /// Faults that are listed; further ones are counted.
    static let listed = 1_000

    package let isRepair: Bool
    package var startedAt: Timestamp
    package var endedAt: Timestamp
    /// Blobs read from beginning to end.
    package var blobs = CollectionReport.Count()
    package var manifests: Int64 = 0
    /// Blobs that no repository may serve: garbage, which is not read.
    package var unheld: Int64 = 0
    /// Blobs whose key is disabled or waits for its deletion. They cannot be checked, count as no fault, and are never touched.
    package var sealedAway = CollectionReport.Count()
    /// Manifests of the same kind.
    package var sealedAwayManifests: Int64 = 0
    /// Why a repair did nothing, and what to look at; nil where it did what it could.
    package var stopped: String?
    package var faultCount: Int64 = 0
    package var repaired: Int64 = 0
    package var faults: [Fault] = []

    init(isRepair: Bool, at now: Timestamp) {
        self.isRepair = isRepair
        startedAt = now
        endedAt = now
    }

    /// There are no faults, or all are repaired.
    package var isClean: Bool { faultCount == repaired }

    mutating func add(_ fault: Fault) {
        faultCount.add(1)
        if fault.isRepaired { repaired.add(1) }
        if faults.count < Self.listed { faults.append(fault) }
    }
}
