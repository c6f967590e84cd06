package import WeirCore

extension Images {
    /// The image that one id names: its digest, and the tag where the id has one. For operations on a single image, which refuse
    /// where a batch would report a failure.
    package func find(
        _ id: ImageIDRequest, in name: RepositoryName, of registry: RegistryID
    ) async throws -> ImageID {
        let repository = try await repositories.existing(name, in: registry)
        return try await database.read { try id.resolved(in: repository, $0) }
    }
}

extension ImageIDRequest {
    /// Throws the refusal of a malformed id, without looking it up.
    func checkForm() throws(Refusal) {
        if case .failed(_, let reason) = parsed { throw Refusal(.invalidParameter, reason) }
    }

    /// The one image, or the refusal of an operation on a single image.
    func resolved(in repository: Repository, _ sql: any SQLConnection) throws -> ImageID {
        switch try find(in: repository.id, sql) {
        case .found(let digest, let tag): return ImageID(digest: digest, tag: tag)
        case .failed(.imageNotFound, _), .failed(.imageTagDoesNotMatchDigest, _):
            throw Refusal.imageNotFound(self, in: repository)
        case .failed(_, let reason): throw Refusal(.invalidParameter, reason)
        }
    }
}
