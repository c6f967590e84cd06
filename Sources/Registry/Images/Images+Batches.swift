package import WeirCore

extension Images {
    /// Several stored manifests: ECR's `BatchGetImage`. Each id succeeds or fails by itself, and is answered once, however often
    /// the call names it. A manifest that would exceed `ImageBatch.mostBytes` fails unread.
    package func batchGet(
        _ ids: [ImageIDRequest], in name: RepositoryName, of registry: RegistryID
    ) async throws -> (images: [StoredImage], failures: [ImageFailure]) {
        let repository = try await repositories.existing(name, in: registry)
        let found = try await database.read { sql in
            var batch = ImageBatch()
            return try ids.distinct.map { id -> (ImageIDRequest, ImageIDRequest.Finding, ImageTable.Row?) in
                let finding = try id.find(in: repository.id, sql)
                guard case .found(let digest, _) = finding else { return (id, finding, nil) }
                let size = try ImagePushQueries.storedSize(of: digest, in: repository.id, sql)
                guard batch.takes(Int(clamping: size)) else { return (id, ImageBatch.full, nil) }
                return (id, finding, try ImageTable.find(.digest(digest), in: repository.id, sql))
            }
        }
        var images: [StoredImage] = []
        var failures: [ImageFailure] = []
        for (id, finding, row) in found {
            switch (finding, row) {
            case (.found, let row?) where row.status != .active:
                failures.append(ImageFailure(id: id, code: .imageInaccessible, reason: Refusal.imageArchived.message))
            case (.found(_, let tag), let row?):
                do {
                    try blobs.checkKey(of: repository)
                    let bytes = try seal.open(row, in: repository)
                    images.append(
                        StoredImage(digest: row.digest, tag: tag, mediaType: row.mediaType, bytes: bytes))
                } catch let refusal as Refusal {
                    failures.append(
                        ImageFailure(
                            id: id, code: refusal.reason == .contentDamaged ? .imageInaccessible : .kmsError,
                            reason: refusal.message))
                }
            case (.failed(let code, let reason), _):
                failures.append(ImageFailure(id: id, code: code, reason: reason))
            case (.found, nil):
                failures.append(.notFound(id))
            }
        }
        return (images, failures)
    }

    /// Removes tags and images: ECR's `BatchDeleteImage`. The order counts: a list goes before its children can.
    ///
    /// By tag: the tag goes, and with the last tag the image. By digest: the image goes with all its tags.
    package func batchDelete(
        _ ids: [ImageIDRequest], in name: RepositoryName, of registry: RegistryID
    ) async throws -> (removed: [ImageID], failures: [ImageFailure]) {
        let repository = try await repositories.existing(name, in: registry)
        let result = try await database.write { sql in
            var removed: [ImageID] = []
            var failures: [ImageFailure] = []
            var told: [Event] = []
            for id in ids {
                switch try id.find(in: repository.id, sql) {
                case .failed(let code, let reason):
                    failures.append(ImageFailure(id: id, code: code, reason: reason))
                case .found(let digest, let tag):
                    let others = try ImageTable.tags(of: digest, in: repository.id, sql).filter { $0 != tag }
                    if let tag, !others.isEmpty {
                        let gone = [ImageID(digest: digest, tag: tag)]
                        told += try Self.deletions(gone, of: digest, in: repository, sql)
                        _ = try ImageTable.removeTag(tag, in: repository.id, sql)
                        removed += gone
                        continue
                    }
                    let lists = try ImageTable.lists(naming: digest, in: repository.id, sql)
                    guard lists.isEmpty else {
                        failures.append(.referenced(id, by: lists))
                        continue
                    }
                    let gone = try ImageTable.ids(of: digest, in: repository.id, sql)
                    told += try Self.deletions(gone, of: digest, in: repository, sql)
                    _ = try ImageTable.remove(digest, in: repository.id, sql)
                    removed += gone
                }
            }
            return (removed, failures, told)
        }
        manifestCache.forget(repository.id)
        result.2.forEach(events.emit)
        return (result.0, result.1)
    }
}

/// Bounds one answer of `BatchGetImage`. A call of 2 KB names 100 manifests of 4 MB each: four such calls at once would take
/// gigabytes of memory.
struct ImageBatch: Sendable {
    static let mostBytes = 16 * 1024 * 1024
    /// The failure's reason for an image that does not fit.
    static let reason =
        "The manifests of this answer would be longer than \(mostBytes >> 20) MiB. Ask for this image again, with fewer others"
    static let full = ImageIDRequest.Finding.failed(.imageInaccessible, reason)

    private var bytes = 0

    /// Counts that many bytes more, where they fit in.
    mutating func takes(_ count: Int) -> Bool {
        guard bytes.adding(count) <= Self.mostBytes else { return false }
        bytes += count
        return true
    }
}

extension [ImageIDRequest] {
    /// Without repetitions, in the order of first mention.
    var distinct: [ImageIDRequest] {
        var seen: Set<ImageIDRequest> = []
        return filter { seen.insert($0).inserted }
    }
}

extension ImageIDRequest {
    /// What an id was found to name.
    enum Finding: Sendable {
        case found(Digest, Tag?)
        case failed(ImageFailure.Code, String)
    }

    /// An id's text, parsed but not looked up.
    enum Parsed: Sendable {
        /// What to look up, and the digest that it must then have.
        case named(Reference, Digest?)
        case failed(ImageFailure.Code, String)
    }

    var parsed: Parsed {
        var wanted: Digest?
        if let digest {
            wanted = try? Digest(digest)
            guard wanted != nil else {
                return .failed(
                    .invalidImageDigest,
                    "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'")
            }
        }
        guard let tag else {
            guard let wanted else {
                return .failed(
                    .missingDigestAndTag, "Invalid request parameters: both tag and digest cannot be null")
            }
            return .named(.digest(wanted), nil)
        }
        guard let name = try? Tag(tag) else {
            return .failed(
                .invalidImageTag,
                "Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'")
        }
        return .named(.tag(name), wanted)
    }

    func find(in repository: Int64, _ sql: any SQLConnection) throws -> Finding {
        switch parsed {
        case .failed(let code, let reason): return .failed(code, reason)
        case .named(.digest(let digest), _):
            return try ImageTable.exists(digest, in: repository, sql) ? .found(digest, nil) : .notFound
        case .named(.tag(let tag), let wanted):
            guard let digest = try ImageTable.digest(of: tag, in: repository, sql) else { return .notFound }
            guard wanted == nil || wanted == digest else { return .doesNotMatch }
            return .found(digest, tag)
        }
    }
}

extension ImageIDRequest.Finding {
    static let notFound = Self.failed(.imageNotFound, "Requested image not found")
    static let doesNotMatch = Self.failed(
        .imageTagDoesNotMatchDigest, "Requested image tag does not match the digest")
}

extension ImageFailure {
    static func notFound(_ id: ImageIDRequest) -> ImageFailure {
        ImageFailure(id: id, code: .imageNotFound, reason: "Requested image not found")
    }

    static func doesNotMatch(_ id: ImageIDRequest) -> ImageFailure {
        ImageFailure(
            id: id, code: .imageTagDoesNotMatchDigest, reason: "Requested image tag does not match the digest")
    }

    static func referenced(_ id: ImageIDRequest, by lists: [Digest]) -> ImageFailure {
        ImageFailure(
            id: id, code: .imageReferencedByManifestList,
            reason: Refusal.referencedByManifestList(lists).message)
    }
}
