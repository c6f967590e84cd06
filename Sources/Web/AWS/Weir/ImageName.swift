import WeirCore
import WeirRegistry

/// An image as a person writes it: `REPOSITORY[:TAG][@DIGEST]`, or with an upstream's host in front where a rule caches it
/// (`docker.io/library/alpine:3`). Without tag and digest the tag is `latest`; a digest takes precedence over a tag.
struct ImageName: Sendable {
    let name: RepositoryName
    let reference: Reference

    init(_ text: String, in registry: RegistryID, _ rules: CacheRules) async throws {
        var rest = text[...]
        var reference = Reference.tag(try Tag("latest"))
        do {
            var digest: Digest?
            if let at = rest.lastIndex(of: "@") {
                digest = try Digest(String(rest[rest.index(after: at)...]))
                rest = rest[..<at]
            }
            if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("/") {
                reference = .tag(try Tag(String(rest[rest.index(after: colon)...])))
                rest = rest[..<colon]
            }
            if let digest { reference = .digest(digest) }
            if let cached = try await Self.cached(rest, in: registry, rules) {
                name = cached
            } else {
                name = try RepositoryName(String(rest))
            }
        } catch let error as NameError {
            throw Refusal.invalidParameter(
                "image", "'\(text.prefix(300))' is not REPOSITORY[:TAG][@DIGEST]: \(error)")
        }
        self.reference = reference
    }

    /// The repository that the text names, if it begins with a host that a rule caches.
    private static func cached(
        _ text: Substring, in registry: RegistryID, _ rules: CacheRules
    ) async throws -> RepositoryName? {
        guard let slash = text.firstIndex(of: "/") else { return nil }
        let host = text[..<slash]
        guard host.contains(".") || host.contains(":") else { return nil }
        return try await rules.repository(
            String(text[text.index(after: slash)...]), inNamespace: String(host), of: registry)
    }
}

extension AWSCall {
    /// The image that the member `image` names.
    func image(_ rules: CacheRules) async throws -> ImageName {
        try await ImageName(try input.string("image", length: 2...800), in: registry, rules)
    }
}
