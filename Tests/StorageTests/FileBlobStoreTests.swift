import ConformanceSuites
import Foundation
import NIOCore
import Testing
import WeirCore
import WeirStorage

@Suite struct FileBlobStoreTests {
    private let location = BlobLocation(scope: "plain", digest: Digest(of: "a".utf8))

    @Test func conforms() async throws {
        try await withFolder { folder in
            var number = 0
            try await checkBlobStore {
                number += 1
                return try FileBlobStore(folder: folder + "/\(number)")
            }
        }
    }

    @Test("A file system in memory conforms, too", .enabled(if: access("/dev/shm", W_OK) == 0))
    func passesTheExamInMemory() async throws {
        let folder = "/dev/shm/weir-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var number = 0
        try await checkBlobStore {
            number += 1
            return try FileBlobStore(folder: folder + "/\(number)")
        }
    }

    @Test func theTreeIsAsDrawnAndOnlyTheOwnerReadsIt() async throws {
        try await withFolder { folder in
            let store = try FileBlobStore(folder: folder + "/store")
            let staged = try store.stage()
            try staged.commit(as: location)
            let other = try store.stage()
            let hex = location.digest.hex
            let tree = try FileManager.default.subpathsOfDirectory(atPath: folder + "/store").sorted()
            let expected = [
                "blobs", "blobs/plain", "blobs/plain/sha256", "blobs/plain/sha256/\(hex.prefix(2))",
                "blobs/plain/sha256/\(hex.prefix(2))/\(hex)", "lost", "staging",
            ]
            #expect(Array(tree.prefix(7)) == expected)
            #expect(tree.count == 8)
            for name in tree {
                let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/store/" + name)
                let isFolder = attributes[.type] as? FileAttributeType == .typeDirectory
                #expect(attributes[.posixPermissions] as? Int == (isFolder ? 0o700 : 0o600), "\(name)")
            }
            other.discard()
        }
    }

    @Test func aNewProcessSeesWhatWasCommittedAndClearsWhatWasNot() async throws {
        try await withFolder { folder in
            let crashed = try FileBlobStore(folder: folder)
            let committed = try crashed.stage()
            try committed.append(pattern(100))
            try committed.commit(as: location)
            let lost = try crashed.stage()
            try lost.append(pattern(100))

            let restarted = try FileBlobStore(folder: folder)
            #expect(try restarted.clearStaging() == 1)
            #expect(try await restarted.open(location).read(at: 0, count: 200) == pattern(100))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/staging").isEmpty)
            withExtendedLifetime(lost) {}
        }
    }

    @Test func whatIsNoFileIsReportedAndNotMissing() async throws {
        try await withFolder { folder in
            let store = try FileBlobStore(folder: folder)
            try store.stage().commit(as: location)
            let path = folder + "/blobs/plain/sha256/\(location.digest.hex.prefix(2))/\(location.digest.hex)"
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            #expect(
                throws: BlobStoreError.damaged(
                    "blobs/plain/sha256/\(location.digest.hex.prefix(2))/\(location.digest.hex) is not a file")
            ) {
                try store.open(location)
            }
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/etc/passwd")
            let error = #expect(throws: BlobStoreError.self) { try store.open(location) }
            #expect(error != .missing)
        }
    }

    @Test("A file that may not be read is reported and not missing", .enabled(if: geteuid() != 0))
    func unreadable() async throws {
        try await withFolder { folder in
            let store = try FileBlobStore(folder: folder)
            try store.stage().commit(as: location)
            let path = folder + "/blobs/plain/sha256/\(location.digest.hex.prefix(2))/\(location.digest.hex)"
            try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: path)
            let error = #expect(throws: BlobStoreError.self) { try store.open(location) }
            #expect(error != .missing)
        }
    }

    @Test func aFileThatWasCutShortIsReported() async throws {
        try await withFolder { folder in
            let store = try FileBlobStore(folder: folder)
            let staged = try store.stage()
            try staged.append(pattern(100_000))
            try staged.commit(as: location)
            let blob = try store.open(location)
            #expect(truncate(folder + "/blobs/plain/sha256/\(location.digest.hex.prefix(2))/\(location.digest.hex)", 50) == 0)
            await #expect(throws: BlobStoreError.self) { try await blob.read(at: 0, count: 100_000) }
            #expect(try await blob.read(at: 0, count: 50) == pattern(50))
        }
    }

    @Test func aReadThatTheCacheCannotServeComesFromTheDisk() async throws {
        try await withFolder { folder in
            let store = try FileBlobStore(folder: folder)
            let staged = try store.stage()
            try staged.append(pattern(4 << 20))
            try staged.commit(as: location)
            let blob = try store.open(location)
            let file = try #require(blob.fileDescriptor)
            // The blob is on disk, so the kernel can drop its pages. Where it does not, this is an ordinary read.
            #expect(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0)
            #expect(try await blob.read(at: 1 << 20, count: 2 << 20) == pattern(2 << 20, at: 1 << 20))
            #expect(try await blob.read(at: 0, count: 5 << 20) == pattern(4 << 20))
        }
    }

    @Test func theDescriptorIsTheBlobsFile() async throws {
        try await withFolder { folder in
            let store = try FileBlobStore(folder: folder)
            let staged = try store.stage()
            try staged.append(pattern(1000))
            try staged.commit(as: location)
            let blob = try store.open(location)
            try store.delete(location)
            var bytes = [UInt8](repeating: 0, count: 1000)
            #expect(pread(try #require(blob.fileDescriptor), &bytes, 1000, 0) == 1000)
            #expect(ByteBuffer(bytes: bytes) == pattern(1000))
        }
    }

    @Test func filesAreClosedWhenTheLastReaderLetsGo() async throws {
        try await withFolder { folder in
            let store = try FileBlobStore(folder: folder)
            try store.stage().commit(as: location)
            // Only this store's files, since other tests run beside this one.
            let open = {
                let all = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
                return all.count { number in
                    let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + number)
                    return target?.hasPrefix(folder) == true
                }
            }
            #expect(try open() == 0)
            var readers = try (0..<10).map { _ in try store.open(location) }
            let opened = try withExtendedLifetime(readers) { try open() }
            #expect(opened == 10)
            readers.removeAll()
            #expect(try open() == 0)
        }
    }

    @Test func afterShutdownTheCacheStillServes() async throws {
        try await withFolder { folder in
            let store = try FileBlobStore(folder: folder)
            let staged = try store.stage()
            try staged.append(pattern(1000))
            try staged.commit(as: location)
            await store.shutdown()
            await store.shutdown()
            let blob = try store.open(location)
            #expect(try await blob.read(at: 0, count: 1000) == pattern(1000))
        }
    }

    @Test func aFolderThatCannotBeMadeSaysSo() {
        #expect(throws: BlobStoreError.self) { try FileBlobStore(folder: "/proc/no/such/folder") }
        #expect(throws: BlobStoreError.self) { try FileBlobStore(folder: "/dev/null/x") }
    }
}
