import NIOCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Manifest {
    /// The members of a manifest that this server reads. Members that behaviour depends on are read strictly. Members that are
    /// only passed on (annotations, platform) are read leniently: their bytes are kept as they came, and other registries do not
    /// check them either.
    struct Body: Decodable {
        var schemaVersion: Int?
        var mediaType: String?
        var artifactType: String?
        var config: Descriptor.Wire?
        var layers: [Descriptor.Wire]?
        var blobs: [Descriptor.Wire]?
        var manifests: [Descriptor.Wire]?
        var subject: Descriptor.Wire?
        /// The value is nil where it is not a string.
        private var carriedAnnotations: [String: CarriedText] = [:]
        /// True if the member is present. A `null` counts: some tools write it for an empty list.
        private var namesLayers = false

        private enum CodingKeys: String, CodingKey {
            case schemaVersion, mediaType, artifactType, config, layers, blobs, manifests, subject, annotations
        }

        private init(mediaType: String?) { self.mediaType = mediaType }

        init(from decoder: any Decoder) throws {
            let members = try decoder.container(keyedBy: CodingKeys.self)
            schemaVersion = try members.wholeIfPresent(.schemaVersion).map { Int(clamping: $0) }
            mediaType = try members.decodeIfPresent(String.self, forKey: .mediaType).flatMap { $0.isEmpty ? nil : $0 }
            artifactType = try members.decodeIfPresent(String.self, forKey: .artifactType).flatMap { $0.isEmpty ? nil : $0 }
            config = try members.decodeIfPresent(Descriptor.Wire.self, forKey: .config)
            layers = try members.decodeIfPresent([Descriptor.Wire].self, forKey: .layers)
            blobs = try members.decodeIfPresent([Descriptor.Wire].self, forKey: .blobs)
            manifests = try members.decodeIfPresent([Descriptor.Wire].self, forKey: .manifests)
            subject = try members.decodeIfPresent(Descriptor.Wire.self, forKey: .subject)
            carriedAnnotations = (try? members.decode([String: CarriedText].self, forKey: .annotations)) ?? [:]
            namesLayers = members.contains(.layers)
        }

        /// Annotations with string values. `null` reads as the empty string, as in Go, in which most registries are written.
        var annotations: [String: String] { carriedAnnotations.compactMapValues(\.text) }

        /// Reads the members. Where one is malformed and the media type is unknown here, reads `mediaType` alone: a document of
        /// that type may use the same names for something else.
        static func read(_ bytes: ByteBuffer, _ contentType: String?) throws(ManifestError) -> Body {
            let data = Data(bytes.readableBytesView)
            let decoder = JSONDecoder()
            let flaw: ManifestError
            do { return try decoder.decode(Body.self, from: data) } catch { flaw = ManifestError(reading: error) }
            guard let envelope = try? decoder.decode(Envelope.self, from: data),
                let type = envelope.mediaType ?? MediaType.name(contentType), !MediaType.isManifest(MediaType.essence(type))
            else { throw flaw }
            return Body(mediaType: envelope.mediaType)
        }

        private struct Envelope: Decodable {
            var mediaType: String?
        }

        func checkBounds() throws(ManifestError) {
            for (noun, count) in [("layers", (layers ?? blobs)?.count ?? 0), ("manifests", manifests?.count ?? 0)]
            where count > Manifest.maxDescriptors {
                throw .tooMany(noun, count, allowed: Manifest.maxDescriptors)
            }
            guard carriedAnnotations.count <= Manifest.maxAnnotations else {
                throw .tooMany("annotations", carriedAnnotations.count, allowed: Manifest.maxAnnotations)
            }
        }

        /// The type of a document that has no `mediaType`, by the members it has; nil if it has none that tell.
        var typeByShape: String? {
            if manifests != nil { return MediaType.ociIndex }
            return config == nil ? nil : MediaType.ociManifest
        }

        var oddType: NamedType? {
            for (member, type) in [("artifactType", artifactType), ("config.mediaType", config?.mediaType)] {
                if let type, !MediaType.isWellFormed(type) { return NamedType(member: member, type: type) }
            }
            return nil
        }

        func lacks(as mediaType: String) -> String? {
            let isImage = mediaType == MediaType.ociManifest || mediaType == MediaType.dockerManifest
            return isImage && !namesLayers ? "layers" : nil
        }
    }
}

/// An annotation's value, read leniently: `null` is the empty string, and any other value that is not a string is nil.
package struct CarriedText: Decodable {
    package let text: String?

    package init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        text = value.decodeNil() ? "" : try? value.decode(String.self)
    }
}

extension Descriptor {
    struct Wire: Decodable {
        var mediaType: String?
        var digest: String
        var size: Int64
        /// Nil for anything that is not a platform.
        var platform: Platform?

        struct Platform: Decodable {
            var architecture: String?
            var os: String?
            var variant: String?

            private enum CodingKeys: CodingKey { case architecture, os, variant }

            init(from decoder: any Decoder) throws {
                let members = try decoder.container(keyedBy: CodingKeys.self)
                architecture = try? members.decode(String.self, forKey: .architecture)
                os = try? members.decode(String.self, forKey: .os)
                variant = try? members.decode(String.self, forKey: .variant)
            }
        }

        private enum CodingKeys: CodingKey { case mediaType, digest, size, platform }

        init(from decoder: any Decoder) throws {
            let members = try decoder.container(keyedBy: CodingKeys.self)
            mediaType = try members.decodeIfPresent(String.self, forKey: .mediaType).flatMap { $0.isEmpty ? nil : $0 }
            digest = try members.decode(String.self, forKey: .digest)
            size = try members.whole(.size)
            platform = try? members.decode(Platform.self, forKey: .platform)
        }
    }
}

extension KeyedDecodingContainer {
    /// A whole number. Foundation's parser reports a number that does not fit as a syntax error without a path.
    fileprivate func whole(_ key: Key) throws -> Int64 {
        do { return try decode(Int64.self, forKey: key) } catch {
            guard (try? decode(Double.self, forKey: key)) != nil else { throw error }
            throw DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: "no whole number of 64 bits")
        }
    }

    fileprivate func wholeIfPresent(_ key: Key) throws -> Int64? {
        try contains(key) && !decodeNil(forKey: key) ? whole(key) : nil
    }
}

extension ManifestError {
    /// Says what is wrong and where. The path contains only our own member names and indexes, never text that a client sent.
    fileprivate init(reading error: any Error) {
        guard let error = error as? DecodingError else {
            self = .notJSON
            return
        }
        switch error {
        case .typeMismatch(let type, let context): self = .bad(context.codingPath, "is no " + Self.noun(type))
        case .valueNotFound(_, let context): self = .bad(context.codingPath, "is null")
        case .keyNotFound(let key, let context): self = .bad(context.codingPath + [key], "is missing")
        // A syntax error carries an underlying error of the parser; a number that does not fit carries none.
        case .dataCorrupted(let context) where context.underlyingError == nil && !context.codingPath.isEmpty:
            self = .bad(context.codingPath, "has a value that it cannot have")
        default: self = .notJSON
        }
    }

    private static func bad(_ path: [any CodingKey], _ flaw: String) -> ManifestError {
        guard !path.isEmpty else { return .notObject }
        let names = path.reduce(into: "") { text, key in
            if let index = key.intValue { text += "[\(index)]" } else { text += (text.isEmpty ? "" : ".") + key.stringValue }
        }
        return .badMember(names, flaw)
    }

    private static func noun(_ type: any Any.Type) -> String {
        switch type {
        case is any BinaryInteger.Type: "whole number"
        case is String.Type: "string"
        case is [Any].Type: "array"
        default: "object"
        }
    }
}
