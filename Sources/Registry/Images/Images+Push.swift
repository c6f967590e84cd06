package import NIOCore
package import WeirCore

/// A manifest that a client pushes.
package struct ImagePush: Sendable {
    /// What happens where the same image has the same tags already: the registry API accepts the push, ECR's API refuses it.
    package enum Presence: Sendable { case accepted, refused }

    package var bytes: ByteBuffer
    package var contentType: String?
    /// The digest that the bytes must have, where the client names one.
    package var digest: Digest?
    /// The tags to point at the image; with none, present tags stay as they are.
    package var tags: [Tag]
    package var whereAlreadyThere: Presence
    /// The body or its sender must name the media type, as ECR's own API demands. The registry API infers it from the body's
    /// shape.
    package var mustBeNamed = false

    package init(
        _ bytes: ByteBuffer, contentType: String?, digest: Digest? = nil, tags: [Tag] = [],
        whereAlreadyThere: Presence = .accepted
    ) {
        self.bytes = bytes
        self.contentType = contentType
        self.digest = digest
        self.tags = tags
        self.whereAlreadyThere = whereAlreadyThere
    }
}

extension Images {
    /// ECR's quota "Tags per image".
    private static let maxTags = 1_000

    /// Stores a pushed manifest under one reference: a tag; a digest, which the bytes must have; nil for neither.
    package func put(
        _ bytes: ByteBuffer, contentType: String?, as reference: Reference?, in name: RepositoryName,
        of registry: RegistryID
    ) async throws -> PutImage {
        var push = ImagePush(bytes, contentType: contentType)
        switch reference {
        case .tag(let tag): push.tags = [tag]
        case .digest(let digest): push.digest = digest
        case nil: break
        }
        return try await put(push, in: name, of: registry)
    }

    /// Stores a pushed manifest, its bytes untouched, and points its tags at it: all or nothing. On disk when this returns.
    ///
    /// The order of what is checked is ECR's (docs/ecr.md, "The order of PutImage's checks").
    package func put(
        _ push: ImagePush, in name: RepositoryName, of registry: RegistryID
    ) async throws -> PutImage {
        let repository = try await repositories.existing(name, in: registry)
        try blobs.checkKey(of: repository)
        let manifest = try Manifest.pushed(push)
        let scope = blobs.location(of: manifest.digest, in: repository).scope
        // Most refusals are made here, where other writers are not held up. The transaction checks again, in a few statements.
        try await database.read { sql in
            try Self.checkReferences(of: manifest, in: repository, scope: scope, sql)
            try Self.checkDepth(of: manifest, in: repository, sql)
        }
        let sealedKey = try await repositories.sealedKey(of: repository)
        let sealed = try seal.seal(manifest, in: repository, sealedKey: sealedKey)
        let now = clock.now
        let moved = try await database.commit { sql in
            let repository = try RepositoryTable.current(repository, sql)
            try Self.checkReferences(of: manifest, in: repository, scope: scope, sql)
            let added = try ImageTable.insert(
                ImageTable.New(
                    repository: repository.id, manifest: manifest, sealedManifest: sealed,
                    size: ImageTable.size(of: manifest, in: repository.id, sql), at: now, origin: .push), sql)
            let moved = try push.tags.filter { try Self.point($0, to: manifest.digest, in: repository, sql) }
            guard !added, moved.isEmpty else {
                let isReplicated = try ReplicationTable.enqueue(manifest.digest, moved, in: repository, at: now, sql)
                return Moved(tags: moved, isAdded: added, isReplicated: isReplicated)
            }
            if push.whereAlreadyThere == .refused {
                throw Refusal.imageAlreadyExists(manifest.digest, push.tags.first, in: repository)
            }
            return Moved(tags: [], isAdded: false, isReplicated: false)
        }
        manifestCache.forget(repository.id)
        if moved.isReplicated { replication.ring() }
        for tag in moved.tags { events.emit(.pushed(manifest, as: .tag(tag), in: repository)) }
        if moved.isAdded, moved.tags.isEmpty { events.emit(.pushed(manifest, as: nil, in: repository)) }
        return PutImage(
            digest: manifest.digest, mediaType: manifest.mediaType, subject: manifest.subject?.digest,
            wasAlreadyThere: !moved.isAdded && moved.tags.isEmpty)
    }

    /// What a push changed.
    private struct Moved: Sendable {
        let tags: [Tag]
        let isAdded: Bool
        /// Copies to other registries have been ordered.
        let isReplicated: Bool
    }

    /// Moves the tag if it may move. False where it points there already.
    private static func point(
        _ tag: Tag, to digest: Digest, in repository: Repository, _ sql: any SQLConnection
    ) throws -> Bool {
        let before = try ImageTable.digest(of: tag, in: repository.id, sql)
        if before != digest {
            if before != nil, !repository.mutability.mayMove(tag) {
                throw Refusal.imageTagAlreadyExists(tag, in: repository.name)
            }
            if try ImagePushQueries.holds(maxTags, tagsOf: digest, in: repository.id, sql) {
                throw Refusal(.limitExceeded, "The image \(digest) has \(maxTags) tags already, as many as an image may have")
            }
        }
        try ImageTable.point(tag, to: digest, in: repository.id, checkedAt: nil, sql)
        return before != digest
    }

    /// All that a manifest names must be here first, pushed or admitted to this repository, and as long as the manifest says.
    static func checkReferences(
        of manifest: Manifest, in repository: Repository, scope: String, _ sql: any SQLConnection
    ) throws {
        let (blobs, lists) = (manifest.blobs, manifest.children)
        let wanted = Set(blobs.map(\.digest)).sorted()
        let present = try BlobTable.present(wanted, in: repository.id, scope: scope, sql)
        let missing = wanted.filter { present[$0] == nil }
        guard missing.isEmpty else { throw Refusal.layersNotFound(missing, in: repository) }
        let listed = Set(lists.map(\.digest)).sorted()
        let children = try ImagePushQueries.manifestSizes(of: listed, in: repository.id, sql)
        let absent = listed.filter { children[$0] == nil }
        guard absent.isEmpty else { throw Refusal.referencedImagesNotFound(absent, in: repository) }
        // Clients trust these numbers: a wrong one is an image that cannot be pulled.
        for named in blobs + lists {
            guard let size = present[named.digest] ?? children[named.digest], size != named.size else { continue }
            throw Refusal.manifestInvalid("\(named.digest) has \(size) bytes, not the \(named.size) that the manifest tells")
        }
    }

    /// Manifests that a list may lead to on any one of its levels.
    private static let maxOnLevel = 10_000

    /// Walks through lists rely on an end (`ImageWalk`), so lists may not be nested deeper than a walk goes.
    private static func checkDepth(of manifest: Manifest, in repository: Repository, _ sql: any SQLConnection) throws {
        var level = Set(manifest.children.map(\.digest))
        for _ in 1..<ImageWalk.deepest {
            level = try ImagePushQueries.children(of: level.sorted(), in: repository.id, sql)
            guard level.count <= maxOnLevel else {
                throw Refusal.manifestOutOfBounds("the manifest leads to more than \(maxOnLevel) others")
            }
        }
        guard try ImagePushQueries.children(of: level.sorted(), in: repository.id, sql).isEmpty else {
            throw Refusal.manifestOutOfBounds(
                "the manifest leads through more than the \(ImageWalk.deepest) lists in each other that are allowed")
        }
    }
}

extension Manifest {
    /// Reads what a client pushed; says what is wrong with it in ECR's form.
    fileprivate static func pushed(_ push: ImagePush) throws(Refusal) -> Manifest {
        // A malformed type from upstream is ignored; a pushing client can be told about it.
        if let named = push.contentType.map(MediaType.essence), !named.isEmpty, !MediaType.isWellFormed(named) {
            throw .manifestOutOfBounds("\(ManifestError.badMediaType("Content-Type", named))")
        }
        let manifest: Manifest
        do throws(ManifestError) {
            manifest = try Manifest(
                push.bytes, contentType: push.contentType, algorithm: push.digest?.algorithm ?? .sha256)
        } catch {
            switch error {
            case .tooLarge: throw Refusal(.manifestTooLarge, "\(error)")
            case .tooMany, .badMediaType: throw .manifestOutOfBounds("\(error)")
            default: throw .manifestInvalid("\(error)")
            }
        }
        if let odd = manifest.oddType { throw .manifestOutOfBounds("\(ManifestError.badMediaType(odd.member, odd.type))") }
        for named in manifest.blobs + manifest.children where named.size > ByteCount.largestLayer {
            throw .manifestOutOfBounds("\(named.digest) cannot have the \(named.size) bytes that the manifest tells")
        }
        if let lacks = manifest.lacks { throw .manifestInvalid("\(ManifestError.missing(lacks))") }
        if push.mustBeNamed, !manifest.isNamed { throw .manifestInvalid("\(ManifestError.notJSON)") }
        if let digest = push.digest, digest != manifest.digest {
            throw Refusal(
                .imageDigestDoesNotMatch,
                "The manifest has the digest \(manifest.digest), not \(digest) under which it was pushed")
        }
        return manifest
    }
}

extension Refusal {
    fileprivate static func manifestInvalid(_ constraint: String) -> Refusal {
        Refusal(.manifestInvalid, sentence(constraint))
    }

    fileprivate static func manifestOutOfBounds(_ constraint: String) -> Refusal {
        Refusal(.manifestOutOfBounds, sentence(constraint))
    }

    private static func sentence(_ constraint: String) -> String {
        "Invalid parameter at 'ImageManifest' failed to satisfy constraint: '\(constraint)'"
    }
}
