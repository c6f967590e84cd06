/// Reading a policy's document member by member, so that the answer to a bad one names what is wrong with it.
extension JSONValue {
    /// Nil where `text` is not one JSON value. A number without a fraction is an integer, however it is written. The caller has
    /// bounded the length.
    init?(document text: String) {
        guard let value = try? JSONParser.parse(Array(text.utf8), limits: .document) else { return nil }
        self = value
    }

    /// JSON's name for what it is.
    var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// One string, or a list of nothing but strings.
    var strings: [String]? {
        switch self {
        case .string(let text): return [text]
        case .array(let values):
            let texts = values.compactMap(\.string)
            return texts.count == values.count ? texts : nil
        default: return nil
        }
    }

    /// The text of a string, number or Boolean, as a condition compares it.
    var scalar: String? {
        switch self {
        case .string(let text): text
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .null, .array, .object: nil
        }
    }

    /// One scalar, or a list of nothing but scalars.
    var scalars: [String]? {
        guard case .array(let values) = self else { return scalar.map { [$0] } }
        let texts = values.compactMap(\.scalar)
        return texts.count == values.count ? texts : nil
    }
}
