extension Result where Failure == any Error {
    /// The value that `body` returns, or the error that it throws.
    package init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
