import Foundation
import NIOCore
import WeirCore

/// Manifests for tests.
enum Manifests {
    static func image(config: Digest, size: Int, layers: [(Digest, Int)] = [], subject: Digest? = nil) -> String {
        let layers = layers.map { #"{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"\#($0.0)","size":\#($0.1)}"# }
        let subject =
            subject.map { #","subject":{"mediaType":"\#(MediaType.ociManifest)","digest":"\#($0)","size":2}"# } ?? ""
        return """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociManifest)","config":{"mediaType":\
            "application/vnd.oci.image.config.v1+json","digest":"\(config)","size":\(size)},\
            "layers":[\(layers.joined(separator: ","))]\(subject)}
            """
    }

    static func index(_ children: [(Digest, Int)]) -> String {
        let manifests = children.map { #"{"mediaType":"\#(MediaType.ociManifest)","digest":"\#($0.0)","size":\#($0.1)}"# }
        return #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[\#(manifests.joined(separator: ","))]}"#
    }
}

extension TestRegistry {
    /// Changes one byte of a stored blob, in whichever scope.
    func flipByte(of digest: Digest, at offset: Int) throws {
        struct NotStored: Error {}
        let files = FileManager.default.enumerator(atPath: folder + "/blobs")
        while let path = files?.nextObject() as? String {
            guard path.hasSuffix(digest.hex) else { continue }
            return try flipByte(inFile: "\(folder)/blobs/\(path)", at: offset)
        }
        throw NotStored()
    }

    func flipByte(inFile path: String, at offset: Int) throws {
        struct NotThere: Error {}
        guard let file = FileHandle(forUpdatingAtPath: path) else { throw NotThere() }
        defer { try? file.close() }
        try file.seek(toOffset: UInt64(offset))
        let byte = try file.read(upToCount: 1)?.first ?? 0
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: Data([byte ^ 1]))
    }
}
