import WeirCore

/// A JSON value of an event. Members keep their order.
package indirect enum EventValue: Sendable, Equatable {
    case string(String)
    case integer(Int64)
    case bool(Bool)
    case list([EventValue])
    case object([EventMember])

    /// An object of the members that are not nil.
    package static func members(_ members: KeyValuePairs<String, EventValue?>) -> EventValue {
        .object(EventMember.list(members))
    }

    package static func strings(_ texts: some Sequence<String>) -> EventValue { .list(texts.map { .string($0) }) }

    /// Appends JSON without white space.
    package func write(to text: inout String) {
        switch self {
        case .string(let value): text += JSONText.quoted(value)
        case .integer(let value): text += String(value)
        case .bool(let value): text += value ? "true" : "false"
        case .list(let values):
            text += "["
            for (index, value) in values.enumerated() {
                if index > 0 { text += "," }
                value.write(to: &text)
            }
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                text += JSONText.quoted(member.name)
                text += ":"
                member.value.write(to: &text)
            }
            text += "}"
        }
    }
}

package struct EventMember: Sendable, Equatable {
    package let name: String
    package let value: EventValue

    package init(_ name: String, _ value: EventValue) {
        self.name = name
        self.value = value
    }

    static func list(_ members: KeyValuePairs<String, EventValue?>) -> [EventMember] {
        members.compactMap { name, value in value.map { EventMember(name, $0) } }
    }
}

extension EventValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}
