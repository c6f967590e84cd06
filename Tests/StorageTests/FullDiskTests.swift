import ConformanceSuites
import Foundation
import NIOCore
import Testing
import WeirCore
import WeirStorage

/// Limits hold for a whole process, so each of these tests runs in its own.
@Suite struct FullDiskTests {
    @Test func aWriteBeyondTheLimitIsFullAndTheBlobCanBeDiscarded() async {
        await #expect(processExitsWith: .success) {
            // The kernel's signal for a file that grew too large would end the process; the program ignores it, too.
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: 1 << 20, rlim_max: 1 << 20)
            try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
            try await withFolder { folder in
                let store = try FileBlobStore(folder: folder)
                let staged = try store.stage()
                try staged.append(pattern(600_000))
                let error = #expect(throws: BlobStoreError.self) { try staged.append(pattern(600_000)) }
                guard case .full = error else {
                    Issue.record("\(String(describing: error)) is not .full")
                    return
                }
                // Earlier bytes are still there, and a smaller part still fits.
                #expect(staged.size == 600_000)
                try staged.append(pattern(100_000, at: 600_000))
                #expect(try await staged.read(at: 0, count: 1 << 20) == pattern(700_000))
                staged.discard()
                #expect(try store.clearStaging() == 0)
                let database = try SQLiteDatabase(path: folder + "/weir.sqlite")
                try await database.migrate([Migration("test-1", ["CREATE TABLE t (a BLOB)"])])
                await #expect(throws: SQLError.self) {
                    try await database.write {
                        _ = try $0.execute("INSERT INTO t (a) VALUES ($1)", [.bytes([UInt8](repeating: 1, count: 2 << 20))])
                    }
                }
                #expect(try await database.read { try $0.rows("SELECT a FROM t", []).count } == 0)
                try await database.write { _ = try $0.execute("INSERT INTO t (a) VALUES ($1)", [.bytes([1])]) }
            }
        }
    }

    @Test func noMoreFilesIsNoFullDisk() async {
        await #expect(processExitsWith: .success) {
            try await withFolder { folder in
                let store = try FileBlobStore(folder: folder)
                var limit = rlimit(rlim_cur: 64, rlim_max: 64)
                try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
                var staged: [any StagedBlob] = []
                let error = #expect(throws: BlobStoreError.self) {
                    while true { staged.append(try store.stage()) }
                }
                guard case .tooManyFiles = error else {
                    Issue.record("\(String(describing: error)) is not .tooManyFiles")
                    return
                }
                staged.removeAll()
                #expect(try store.stage().size == 0)
            }
        }
    }
}
