package import WeirCore

/// Takes a blob from another repository of the registry without its bytes being sent again (docs/ecr.md, "Blob mounting").
///
/// Only where the registry's account setting allows it, from a repository that the caller may read, under the same key, and only
/// a blob that was pushed: who gets a cached blob is for its upstream to decide.
package struct BlobMounts: Sendable {
    /// Repositories that are tried where the client names none.
    private static let candidates = 16

    let repositories: Repositories
    let blobs: Blobs
    let access: Access
    let settings: RegistrySettings

    /// True where the repository may serve the blob from now on: on disk when this returns. False where the client must send it.
    ///
    /// - Parameter source: nil for any repository of the registry.
    package func mount(
        _ digest: Digest, from source: RepositoryName?, into name: RepositoryName, of registry: RegistryID,
        for caller: Caller
    ) async throws -> Bool {
        guard try await settings.allowsBlobMounting(in: registry),
            let target = try await repositories.find(name, in: registry)
        else { return false }
        try blobs.checkKey(of: target)
        let location = blobs.location(of: digest, in: target)
        for source in try await sources(of: digest, source, in: registry) {
            guard let repository = try await repositories.find(source, in: registry), repository.id != target.id,
                repository.encryption == target.encryption, try await mayRead(source, registry, caller)
            else { continue }
            let now = blobs.clock.now
            let isMounted = try await blobs.database.commit { sql in
                _ = try RepositoryTable.current(target, sql)
                let status = try BlobTable.status(of: digest, in: repository.id, scope: location.scope, sql)
                guard status.membership == .push, status.held != nil else { return false }
                try BlobTable.admit(digest, to: target.id, .push, promisedAt: now, sql)
                return true
            }
            if isMounted { return true }
        }
        return false
    }

    private func sources(
        of digest: Digest, _ named: RepositoryName?, in registry: RegistryID
    ) async throws -> [RepositoryName] {
        if let named { return [named] }
        return try await blobs.database.read {
            try BlobTable.pushers(of: digest, in: registry, limit: Self.candidates, $0)
        }
    }

    /// A repository that the caller may not read counts as missing, so that a stranger learns nothing of it.
    private func mayRead(_ name: RepositoryName, _ registry: RegistryID, _ caller: Caller) async throws -> Bool {
        do {
            for action in ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer"] {
                try await access.permit(caller, action, on: name, in: registry)
            }
            return true
        } catch let refusal as Refusal where refusal.reason == .accessDenied {
            return false
        }
    }
}
