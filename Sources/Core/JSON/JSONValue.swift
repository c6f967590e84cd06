package import NIOCore

/// A JSON document (RFC 8259), parsed or to be written.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Parses a document. The error holds the position.
    package init(parsing bytes: some Sequence<UInt8>) throws(JSONError) {
        self = try JSONParser.parse(Array(bytes))
    }

    /// Parses a document of a stranger that nests no deeper and holds no more values than its format needs: the rest is not read.
    /// The caller bounds the length.
    package init(parsing bytes: some Sequence<UInt8>, depth: Int, values: Int) throws(JSONError) {
        self = try JSONParser.parse(Array(bytes), limits: JSONParser.Limits(depth: depth, values: values))
    }

    /// AWS's timestamp: seconds since 1970 with milliseconds.
    package static func timestamp(_ moment: Timestamp) -> JSONValue { .number(moment.secondsToTheMillisecond) }

    /// An object without the members that are nil: AWS omits an absent member, it sends no `null`.
    package static func members(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        JSONValue.object([:]).adding(members)
    }

    /// This object with these members too.
    package func adding(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        guard case .object(var object) = self else { return self }
        for (name, value) in members where value != nil { object[name] = value }
        return .object(object)
    }

    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }

    /// The document as bytes, members sorted by name so that the same answer has the same bytes.
    package var bytes: ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 256)
        write(to: &buffer)
        return buffer
    }

    package var text: String { String(buffer: bytes) }

    private func write(to buffer: inout ByteBuffer) {
        switch self {
        case .null: buffer.writeStaticString("null")
        case .bool(let value): buffer.writeString(value ? "true" : "false")
        case .integer(let value): buffer.writeString(String(value))
        case .number(let value): buffer.writeString(value.isFinite ? Self.plain(value) : "null")
        case .string(let value): JSONText.write(value, to: &buffer)
        case .array(let values):
            buffer.writeStaticString("[")
            for (index, value) in values.enumerated() {
                if index > 0 { buffer.writeStaticString(",") }
                value.write(to: &buffer)
            }
            buffer.writeStaticString("]")
        case .object(let members):
            buffer.writeStaticString("{")
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { buffer.writeStaticString(",") }
                JSONText.write(member.key, to: &buffer)
                buffer.writeStaticString(":")
                member.value.write(to: &buffer)
            }
            buffer.writeStaticString("}")
        }
    }

    /// Without an exponent for numbers of a timestamp's size: not every client reads `1.7e9`.
    private static func plain(_ value: Double) -> String {
        if abs(value) < 1e15, let whole = Int64(exactly: value) { return String(whole) }
        return "\(value)"
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements) { _, last in last })
    }
}
