import Logging
package import WeirCore

/// Pushes on top of cached images.
package struct CachedLayerPushes: Sendable {
    let images: Images
    let rules: CacheRules
    let access: Access
    let sources: UpstreamSources
    let fills: Fills
    let logger: Logger

    /// Stores a pushed manifest, and fetches first what it names and only upstream has.
    ///
    /// A client that pushes on top of a cached image asks by HEAD for its layers and is told that they are there, since upstream
    /// has them for this repository; so it does not send them. Not yet fetched, or given up for room, they must be here before
    /// the manifest is.
    package func put(
        _ push: ImagePush, in name: RepositoryName, of registry: RegistryID, for caller: Caller
    ) async throws -> PutImage {
        do {
            return try await images.put(push, in: name, of: registry)
        } catch let refusal as Refusal where refusal.reason == .layersNotFound {
            guard try await bringLayers(of: push, at: PullContext(name: name, registry: registry, caller: caller)) else {
                throw refusal
            }
            return try await images.put(push, in: name, of: registry)
        }
    }

    /// False where no rule covers the repository, the caller may not import, or upstream does not have all that is missing.
    private func bringLayers(of push: ImagePush, at context: PullContext) async throws -> Bool {
        guard let rule = try await rules.rule(covering: context.name, in: context.registry),
            let manifest = try? Manifest(push.bytes, contentType: push.contentType)
        else { return false }
        let repository = try await images.repositories.existing(context.name, in: context.registry)
        do {
            try await access.permit(
                context.caller, "ecr:BatchImportUpstreamImage", on: context.name, in: context.registry)
            let source = try await sources.source(by: rule, at: context)
            // All of them start before the first is waited for.
            var running: [Fill] = []
            for blob in manifest.blobs {
                let status = try await images.blobs.status(of: blob.digest, in: repository)
                if status.membership == .push { continue }
                if status.membership != nil, status.held != nil { continue }
                running.append(
                    fills.join(
                        Fills.Order(digest: blob.digest, size: blob.size, repository: repository, source: source)))
            }
            for fill in running { _ = try await fill.whole() }
            return true
        } catch let refusal as Refusal where [.imageNotFound, .upstreamDenied, .accessDenied].contains(refusal.reason) {
            // Anything else is no "not found": the client hears of it, and may try again.
            logger.info(
                "Layers of a pushed manifest are neither here nor upstream",
                metadata: ["repository.name": "\(context.name)", "reason": "\(refusal.reason)"])
            return false
        }
    }
}
