import Exams
import Testing

@Suite struct MemoryBlobStoreTests {
    /// What the collector's tests stand on keeps the port's promises, as the files do.
    @Test func passesTheExam() async throws {
        try await blobStoreExam { MemoryBlobStore() }
    }
}
