package import NIOCore

/// Someone else's registry, as the pull through cache sees it. What comes from there is hostile until its digest is checked:
/// the driver bounds it (sizes, times, redirects) and the caller verifies it.
package protocol UpstreamRegistry: Sendable {
    /// Asks by HEAD which digest a manifest has now. Costs no pull at Docker Hub. A digest of nil means that upstream did not say: ask for the manifest.
    func resolve(_ reference: Reference, in source: UpstreamSource) async throws(UpstreamError) -> UpstreamDescriptor

    /// The manifest's bytes, exactly as sent, at most 4 MiB. Not verified.
    func manifest(_ reference: Reference, in source: UpstreamSource) async throws(UpstreamError) -> UpstreamManifest

    /// The blob's bytes from `offset` on. Returns when the response head is there, so that "no" is known before anyone is answered.
    func blob(_ digest: Digest, from offset: Int64, in source: UpstreamSource) async throws(UpstreamError) -> UpstreamBlob

    /// Asks by HEAD whether this repository upstream has the blob, and its size where told.
    func blobSize(_ digest: Digest, in source: UpstreamSource) async throws(UpstreamError) -> Int64?
}

/// Where to ask, in whose name.
package struct UpstreamSource: Sendable {
    /// The host as the rule names it: `registry-1.docker.io`.
    package let host: String
    /// The repository's name over there. Any OCI name, so no `RepositoryName`.
    package let repository: String
    /// Who asks; nil for nobody. Bound to this host: never sent anywhere else.
    package let credential: UpstreamCredential?
    /// The rule in whose name it is asked: tokens are shared within it, never across.
    package let owner: String

    package init(host: String, repository: String, credential: UpstreamCredential?, owner: String) {
        self.host = host
        self.repository = repository
        self.credential = credential
        self.owner = owner
    }
}

/// A login for an upstream registry, from the rule's secret. It prints as nothing.
package struct UpstreamCredential: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    package let username: String
    package let accessToken: String

    package init(username: String, accessToken: String) {
        self.username = username
        self.accessToken = accessToken
    }

    package var description: String { "(a credential)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

package struct UpstreamDescriptor: Sendable, Equatable {
    package let digest: Digest?
    package let mediaType: String?

    package init(digest: Digest?, mediaType: String?) {
        self.digest = digest
        self.mediaType = mediaType
    }
}

package struct UpstreamManifest: Sendable {
    package let bytes: ByteBuffer
    /// From `Content-Type`, without parameters.
    package let mediaType: String?

    package init(bytes: ByteBuffer, mediaType: String?) {
        self.bytes = bytes
        self.mediaType = mediaType
    }
}

package struct UpstreamBlob: Sendable {
    /// The whole blob's size as upstream tells it, or nil.
    package let size: Int64?
    /// Where `body` begins: the offset asked for, or 0 where upstream does not serve ranges.
    package let offset: Int64
    package let body: ByteStream

    package init(size: Int64?, offset: Int64, body: ByteStream) {
        self.size = size
        self.offset = offset
        self.body = body
    }
}

/// Why upstream did not give what was asked for. Every case names the host; the text is safe to show.
package struct UpstreamError: Error, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        /// 401 or 403, or a refused login.
        case denied
        case notFound
        case rateLimited
        /// Not to be reached: refused, no such name, time-out, TLS, 5xx, connection lost.
        case unavailable
        /// Reached, and its answer makes no sense or breaks a bound.
        case invalid
        /// The outbound guard said no: a private address, a foreign realm, a downgrade.
        case guarded
    }

    package let kind: Kind
    package let host: String
    package let detail: String
    package let status: Int?
    package let retryAfter: Duration?

    package init(_ kind: Kind, host: String, _ detail: String, status: Int? = nil, retryAfter: Duration? = nil) {
        self.kind = kind
        self.host = host
        self.detail = detail
        self.status = status
        self.retryAfter = retryAfter
    }

    package var description: String {
        "\(host): \(detail)" + (status.map { " (status \($0))" } ?? "")
    }
}
