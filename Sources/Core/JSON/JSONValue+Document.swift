/// Reads a policy document member by member, so that an error can name what is wrong.
extension JSONValue {
    /// Nil if `text` is not one JSON value. A number without a fractional part is an integer, however it is written. The caller
    /// bounds the length.
    init?(document text: String) {
        guard let value = try? JSONParser.parse(Array(text.utf8), limits: .document) else { return nil }
        self = value
    }

    /// JSON's name for the type of the value.
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

    /// The text of a string; nil for all else.
    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// One string, or an array of strings only; else nil.
    package var strings: [String]? {
        switch self {
        case .string(let text): return [text]
        case .array(let values):
            let texts = values.compactMap(\.string)
            return texts.count == values.count ? texts : nil
        default: return nil
        }
    }

    /// The text of a string, number or Boolean, as a condition compares it.
    package var scalar: String? {
        switch self {
        case .string(let text): text
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .null, .array, .object: nil
        }
    }

    /// One scalar, or an array of scalars only; else nil.
    var scalars: [String]? {
        guard case .array(let values) = self else { return scalar.map { [$0] } }
        let texts = values.compactMap(\.scalar)
        return texts.count == values.count ? texts : nil
    }
}
