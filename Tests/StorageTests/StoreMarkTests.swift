import ConformanceSuites
import Foundation
import Testing
import WeirCore
import WeirStorage

@Suite struct StoreMarkTests {
    private func put(_ text: String, into store: FileBlobStore) throws -> BlobLocation {
        let location = BlobLocation(scope: "plain-0", digest: Digest(of: Array(text.utf8)))
        let staged = try store.stage()
        try staged.append(pattern(text.utf8.count))
        try staged.commit(as: location)
        return location
    }

    @Test func aMarkIsThereAfterReopeningAndIsNoBlob() async throws {
        try await withFolder { folder in
            let store = FileBlobStore(lookingAt: folder)
            #expect(try store.mark() == nil && !store.holdsBlobs())
            #expect(!FileManager.default.fileExists(atPath: folder + "/blobs"), "to look makes nothing")
            var mark = StoreMark.new()
            try store.setMark(mark)
            try store.make()
            for _ in 0..<3 {
                mark = mark.next
                try store.setMark(mark)
                #expect(try FileBlobStore(folder: folder).mark() == mark)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/blobs").count == 1)
            #expect(try !store.holdsBlobs())
            #expect(try store.directories().map(\.name) == ["blobs"] && store.contents(of: BlobDirectory("blobs")).isEmpty)
            _ = try put("a", into: store)
            #expect(try store.holdsBlobs())
        }
    }

    @Test func copiesLaidOverEachOtherCountAsTheNewest() async throws {
        try await withFolder { folder in
            let store = try FileBlobStore(folder: folder)
            let mark = StoreMark.new()
            try store.setMark(StoreMark(id: mark.id, count: 4))
            try FileManager.default.createDirectory(
                atPath: folder + "/blobs/.weir-\(mark.id).9", withIntermediateDirectories: false)
            #expect(try store.mark()?.count == 9)
            try FileManager.default.createDirectory(
                atPath: folder + "/blobs/.weir-\(StoreMark.new())", withIntermediateDirectories: false)
            #expect(throws: BlobStoreError.self) { try store.mark() }
        }
    }

    @Test func nothingIsMadeBelowAnEmptyMountPoint() async throws {
        try await withFolder { folder in
            let store = try FileBlobStore(folder: folder)
            try store.setMark(StoreMark.new())
            let location = try put("a", into: store)
            try FileManager.default.moveItem(atPath: folder + "/blobs", toPath: folder + "/away")
            try FileManager.default.createDirectory(atPath: folder + "/blobs", withIntermediateDirectories: false)
            for text in ["a", "b", "c"] {
                #expect(throws: BlobStoreError.self) { try put(text, into: store) }
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/blobs").isEmpty)
            try FileManager.default.removeItem(atPath: folder + "/blobs")
            try FileManager.default.moveItem(atPath: folder + "/away", toPath: folder + "/blobs")
            _ = try put("b", into: store)
            #expect(try store.open(location).size == 1)
        }
    }
}
