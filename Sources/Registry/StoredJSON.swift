import WeirCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Lists in a column, as JSON text.
enum StoredJSON {
    static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    static func read<Value: Decodable>(_ text: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(text.utf8))
    }

    /// A resource tag in a template's row.
    struct Tag: Codable {
        var key: String
        var value: String

        init(_ tag: ResourceTag) {
            key = tag.key
            value = tag.value
        }
        var tag: ResourceTag { ResourceTag(key: key, value: value) }
    }
}
