import ConformanceSuites
import Foundation
import NIOCore
import Testing
import WeirCore
import WeirStorage

@Suite struct VolumeRoomTests {
    @Test func belowTheReserveNothingIsTaken() async throws {
        try await withFolder { folder in
            let room = VolumeRoom(folder: folder, reserve: .max)
            for bytes in [0, 1, Int64.max] {
                let error = #expect(throws: BlobStoreError.self) { try room.check(for: bytes) }
                guard case .full = error else {
                    Issue.record("\(String(describing: error)) is not .full")
                    return
                }
            }
            #expect(room.shortage > 0)
            let store = FileBlobStore(lookingAt: folder, room: room)
            try store.make()
            #expect(throws: BlobStoreError.self) { _ = try store.stage() }
            room.restoreBallast()
            #expect(!room.dropBallast(), "there is no room for ballast either")
        }
    }

    @Test func whatIsOnItsWayStopsAtTheReserve() async throws {
        try await withFolder { folder in
            let free = try #require(
                FileManager.default.attributesOfFileSystem(forPath: folder)[.systemFreeSize] as? Int)
            // Half of the free space is reserved, so that other programs on the machine do not matter.
            let room = VolumeRoom(folder: folder, reserve: Int64(free / 2))
            #expect(throws: BlobStoreError.self) { try room.check(for: Int64(free)) }
            try room.check(for: 1 << 20)
            #expect(room.shortage == 0)
            let store = FileBlobStore(lookingAt: folder, room: room)
            try store.make()
            let staged = try store.stage()
            try staged.append(pattern(100_000))
            #expect(staged.size == 100_000)
        }
    }

    @Test func ballastIsThereUntilItIsNeeded() async throws {
        try await withFolder { folder in
            let room = VolumeRoom(folder: folder, reserve: 1)
            #expect(!room.dropBallast())
            room.restoreBallast()
            let size = try FileManager.default.attributesOfItem(atPath: folder + "/ballast")[.size] as? Int
            #expect((4 << 20)...(16 << 20) ~= size ?? 0)
            #expect(room.dropBallast() && !room.dropBallast())
            let none = VolumeRoom(folder: folder, reserve: 0)
            none.restoreBallast()
            #expect(!none.dropBallast())
            try none.check(for: 1 << 10)
        }
    }
}
