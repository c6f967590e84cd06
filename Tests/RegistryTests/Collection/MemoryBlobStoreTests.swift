import ConformanceSuites
import Testing

@Suite struct MemoryBlobStoreTests {
    /// The store behind the collector's tests keeps the port's promises, as the file store does.
    @Test func conforms() async throws {
        try await checkBlobStore { MemoryBlobStore() }
    }
}
