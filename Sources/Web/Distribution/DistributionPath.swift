package import WeirCore
package import WeirServer

/// One path of the OCI distribution API, parsed from its undecoded text.
///
/// ```
/// /v2/                                    ping
/// /v2/_catalog                            catalog
/// /v2/<name>/tags/list                    tags
/// /v2/<name>/manifests/<reference>        manifest
/// /v2/<name>/blobs/<digest>               blob
/// /v2/<name>/blobs/uploads/               uploads
/// /v2/<name>/blobs/uploads/<id>           upload
/// /v2/<name>/referrers/<digest>           referrers
/// ```
///
/// A name may have any number of segments, and a segment may itself be `blobs`, so the path is parsed from its right-hand end.
/// Segments are percent-decoded after the path is split, never before: so no escape can introduce a slash, a `..` or the end of
/// the string.
package enum DistributionPath: Equatable, Sendable {
    case ping
    case catalog
    case tags(RepositoryName)
    case manifest(RepositoryName, ManifestReference)
    case blob(RepositoryName, Digest)
    case uploads(RepositoryName)
    case upload(RepositoryName, id: String)
    case referrers(RepositoryName, Digest)

    /// A manifest's reference. Text that is neither tag nor digest names nothing: a read finds nothing, a write is refused.
    package enum ManifestReference: Equatable, Sendable {
        case reference(Reference)
        case malformed(NameError)
    }

    package enum Problem: Error, Equatable {
        /// It is none of the paths above.
        case notAnAddress
        /// It pretends to be another path: `..`, an escaped slash, a NUL, a broken escape.
        case trick(String)
        case name(NameError)
    }

    /// - Parameter path: the request's path, before any `?`, not decoded. It begins with `/v2`.
    package init(_ path: String) throws(Problem) {
        guard path.hasPrefix("/v2") else { throw .notAnAddress }
        let rest = path.dropFirst(3)
        if rest.isEmpty || rest == "/" {
            self = .ping
            return
        }
        guard rest.utf8.first == UInt8(ascii: "/") else { throw .notAnAddress }
        var segments: [String] = []
        for raw in rest.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            segments.append(try PercentText.segment(Substring(raw)))
        }
        try self.init(segments: segments[...])
    }

    private init(segments: ArraySlice<String>) throws(Problem) {
        if segments.elementsEqual(["_catalog"]) {
            self = .catalog
            return
        }
        // Only `blobs/uploads/` may end in a slash.
        let tail = segments.suffix(3)
        if tail.suffix(2).elementsEqual(["blobs", "uploads"]) {
            self = .uploads(try Self.name(segments.dropLast(2)))
        } else if tail.elementsEqual(["blobs", "uploads", ""]) {
            self = .uploads(try Self.name(segments.dropLast(3)))
        } else if tail.count == 3, tail.dropLast().elementsEqual(["blobs", "uploads"]), let id = tail.last {
            self = .upload(try Self.name(segments.dropLast(3)), id: id)
        } else {
            self = try Self.pair(segments)
        }
    }

    /// The paths that end in a kind and a reference or digest.
    private static func pair(_ segments: ArraySlice<String>) throws(Problem) -> Self {
        guard let kind = segments.dropLast().last, let what = segments.last else { throw .notAnAddress }
        switch (kind, what) {
        case ("tags", "list"): return .tags(try name(segments.dropLast(2)))
        case ("manifests", _): return .manifest(try name(segments.dropLast(2)), reference(what))
        case ("blobs", _): return .blob(try name(segments.dropLast(2)), try digest(what))
        case ("referrers", _): return .referrers(try name(segments.dropLast(2)), try digest(what))
        default: throw .notAnAddress
        }
    }

    private static func name(_ segments: ArraySlice<String>) throws(Problem) -> RepositoryName {
        do { return try RepositoryName(segments.joined(separator: "/")) } catch { throw .name(error) }
    }

    private static func digest(_ text: String) throws(Problem) -> Digest {
        do { return try Digest(text) } catch { throw .name(error) }
    }

    private static func reference(_ text: String) -> ManifestReference {
        do { return .reference(try Reference(text)) } catch { return .malformed(error) }
    }

    /// The same path in the repository that `rename` returns; unchanged where it has no repository, or `rename` returns nil.
    func renamed(_ rename: (RepositoryName) async throws -> RepositoryName?) async rethrows -> Self {
        switch self {
        case .tags(let name): try await rename(name).map { .tags($0) } ?? self
        case .manifest(let name, let reference): try await rename(name).map { .manifest($0, reference) } ?? self
        case .blob(let name, let digest): try await rename(name).map { .blob($0, digest) } ?? self
        case .referrers(let name, let digest): try await rename(name).map { .referrers($0, digest) } ?? self
        case .ping, .catalog, .uploads, .upload: self
        }
    }

    /// The repository in the path; nil where there is none.
    package var repository: RepositoryName? {
        switch self {
        case .tags(let name), .manifest(let name, _), .blob(let name, _), .uploads(let name), .upload(let name, _),
            .referrers(let name, _):
            name
        case .ping, .catalog: nil
        }
    }

    /// The label of the path's requests in the metrics.
    package var route: RouteLabel {
        switch self {
        case .ping: RouteLabel(.distribution, .ping)
        case .catalog: RouteLabel(.distribution, .catalog)
        case .tags: RouteLabel(.distribution, .tags)
        case .manifest: RouteLabel(.distribution, .manifest)
        case .blob: RouteLabel(.distribution, .blob)
        case .uploads, .upload: RouteLabel(.distribution, .upload)
        case .referrers: RouteLabel(.distribution, .referrers)
        }
    }
}
