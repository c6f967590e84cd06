import ConformanceSuites
import Foundation
import Synchronization
import Testing
import WeirCore
import WeirRegistry
import WeirStorage

@Suite struct StoreMarksTests {
    /// A store whose mark cannot be set the n-th time, as after a crash at that moment.
    private struct CutOff: MarkedStore {
        let store: FileBlobStore
        let lasts: @Sendable () -> Bool

        func mark() throws(BlobStoreError) -> StoreMark? { try store.mark() }
        func setMark(_ mark: StoreMark) throws(BlobStoreError) {
            guard lasts() else { throw .failed("cut") }
            try store.setMark(mark)
        }
        func holdsBlobs() throws(BlobStoreError) -> Bool { try store.holdsBlobs() }
    }

    @Test("A crash at any step of any start or stop leaves no doubt", arguments: 0..<6)
    func crashes(step: Int) async throws {
        let test = try await TestRegistry()
        let left = Countdown(step)
        let cut = StoreMarks(database: test.database, store: CutOff(store: test.store) { left.lasts() })
        do {
            for _ in 0..<3 {
                _ = try await cut.join(accepting: [])
                try await cut.advance()
            }
        } catch is BlobStoreError {}
        let marks = StoreMarks(database: test.database, store: test.store)
        let outcome = try await marks.join(accepting: [])
        #expect(outcome.accepted == nil && !outcome.isStoreOlder)
        #expect(await marks.refusal == nil)
    }

    @Test func anOlderDatabaseAndALostStoreAreRefusedAndNothingChanges() async throws {
        let test = try await TestRegistry()
        let marks = StoreMarks(database: test.database, store: test.store)
        _ = try await marks.join(accepting: [])
        let id = try #require(try test.store.mark()).id
        try test.store.setMark(StoreMark(id: id, count: 50))
        await #expect(throws: StoreMarks.Doubtful(doubt: .emptyDatabase)) { try await marks.join(accepting: [.otherStore]) }
        #expect(try test.store.mark()?.count == 50)
        #expect(try await marks.join(accepting: [.emptyDatabase]).accepted == .emptyDatabase)
        #expect(try test.store.mark()?.count == 51)
        #expect(try await marks.join(accepting: []).accepted == nil)
        try FileManager.default.removeItem(atPath: test.folder + "/blobs")
        #expect(await marks.refusal != nil)
        await #expect(throws: (any Error).self) { try await marks.advance() }
        await #expect(throws: StoreMarks.Doubtful(doubt: .otherStore)) { try await marks.join(accepting: []) }
        #expect(!FileManager.default.fileExists(atPath: test.folder + "/blobs"))
    }
}

/// True for the first calls, `left` in number.
private final class Countdown: Sendable {
    private let left: Mutex<Int>

    init(_ left: Int) { self.left = Mutex(left) }

    func lasts() -> Bool {
        left.withLock { left in
            left -= 1
            return left >= 0
        }
    }
}
