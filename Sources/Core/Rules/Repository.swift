/// A repository: a name in a registry, with its encryption and its tag mutability.
package struct Repository: Hashable, Sendable {
    /// The row's number, never reused: a repository that is deleted and made again has another one.
    package let id: Int64
    package let registry: RegistryID
    package let name: RepositoryName
    package let createdAt: Timestamp
    package var mutability: TagMutability
    package var scanOnPush: Bool
    package let encryption: Encryption
    /// The grant by which it uses its KMS key was revoked: nothing in it can be opened or sealed.
    package var isKeyGrantRevoked = false

    package init(
        id: Int64, registry: RegistryID, name: RepositoryName, createdAt: Timestamp, mutability: TagMutability,
        scanOnPush: Bool, encryption: Encryption
    ) {
        self.id = id
        self.registry = registry
        self.name = name
        self.createdAt = createdAt
        self.mutability = mutability
        self.scanOnPush = scanOnPush
        self.encryption = encryption
    }

    package var arn: String { registry.arn("ecr", "repository/\(name)") }
}
