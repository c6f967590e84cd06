import Crypto
package import WeirCore
import WeirText
package import WeirVault

/// The grants by which repositories use their KMS keys. In ECR, CreateRepository makes them; here each repository under a key is
/// one, so that pulls and pushes need no right on the key. Its id follows from the repository, and it ends with it, or by
/// RevokeGrant: nothing in the repository can then be read again.
package struct RepositoryGrants: Sendable {
    package struct Grant: Sendable, Hashable {
        /// 64 hexadecimal digits.
        package let id: String
        package let repositoryARN: String
        package let createdAt: Timestamp
        package var grantee: String { RepositoryGrants.terms.grantee }
    }

    /// What such a grant allows.
    package static let terms = KMSGrant.Terms(
        grantee: "ecr.amazonaws.com", retiree: "ecr.amazonaws.com",
        operations: [.decrypt, .generateDataKey, .generateDataKeyWithoutPlaintext, .describeKey, .retireGrant])

    private let repositories: Repositories

    init(repositories: Repositories) { self.repositories = repositories }

    /// A page of the grants on a key, by the repositories' names. Revoked ones are not listed.
    package func grants(
        of keyARN: String, in registry: RegistryID, after name: String?, limit: Int
    ) async throws -> Page<(name: String, grant: Grant)> {
        let found = try await repositories.database.read { sql in
            try RepositoryTable.sealed(under: keyARN, in: registry, after: name, limit: limit + 1, sql)
        }
        return Page(found.map { ("\($0.name)", Self.grant(of: $0, keyARN)) }, limit: limit) { $0.name }
    }

    /// Ends the grant of a repository. False where the key has no such grant.
    package func revoke(_ id: String, of keyARN: String, in registry: RegistryID) async throws -> Bool {
        var place: String?
        repeat {
            let page = try await grants(of: keyARN, in: registry, after: place, limit: 1_000)
            if let found = page.items.first(where: { $0.grant.id == id }) {
                try await repositories.change(try RepositoryName(found.name), in: registry) { row, sql in
                    try RepositoryTable.revokeKeyGrant(of: row.repository.id, sql)
                }
                return true
            }
            place = page.next
        } while place != nil
        return false
    }

    private static func grant(of repository: Repository, _ keyARN: String) -> Grant {
        let text = "repository-grant/\(repository.id)/\(RegistryID.formerARN(keyARN))"
        return Grant(
            id: Hex.encode(SHA256.hash(data: Array(text.utf8))), repositoryARN: repository.arn, createdAt: repository.createdAt)
    }
}

extension Refusal {
    static func keyGrantRevoked(_ repository: Repository) -> Refusal {
        Refusal(
            .kmsGrantRevoked,
            "The grant by which the repository \(repository.name) uses its KMS key has been revoked: its content cannot be opened.",
            brief: "the repository's grant on its KMS key has been revoked")
    }
}
