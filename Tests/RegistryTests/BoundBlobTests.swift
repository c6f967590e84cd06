import Foundation
import NIOCore
import Testing
import WeirCore
import WeirRegistry

/// Sealed blobs are bound to their digests.
@Suite struct BoundBlobTests {
    private func file(of digest: Digest, in test: TestRegistry) throws -> String {
        let files = FileManager.default.enumerator(atPath: test.folder + "/blobs")
        while let path = files?.nextObject() as? String {
            if path.hasSuffix(digest.hex) { return "\(test.folder)/blobs/\(path)" }
        }
        struct NotStored: Error {}
        throw NotStored()
    }

    @Test func aFileInAnothersPlaceIsNotServed() async throws {
        let test = try await TestRegistry()
        _ = try await test.registry.repositories.create(
            RepositoryName("team/app"), in: test.id, settings: RepositorySettings())
        let one = try await test.push(noise(100_000), to: "team/app")
        let other = try await test.push(noise(100_000, seed: 2), to: "team/app")
        #expect(try await test.bytes(one, "team/app") == noise(100_000))
        let (first, second) = (try file(of: one, in: test), try file(of: other, in: test))
        let bytes = try Data(contentsOf: URL(fileURLWithPath: second))
        try bytes.write(to: URL(fileURLWithPath: first))
        // Present readers have the old file open; a new start has not.
        let registry = try await test.restarted()
        let refusal = await #expect(throws: Refusal.self) {
            try await registry.pulls.blobs.pull(one, in: RepositoryName("team/app"), of: test.id, for: test.caller)
        }
        #expect(refusal?.reason == .contentDamaged)
        #expect(try await test.bytes(other, "team/app") == noise(100_000, seed: 2))
    }
}
