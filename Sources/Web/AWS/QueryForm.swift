package import WeirCore
import WeirText

/// The parameters of a Query request, of its URL and of its body's form together: so many names, each once.
///
/// Names are flat on the wire, `Tags.member.1.Key=a`, and become structures and lists here: `{"Tags": [{"Key": "a"}]}`. All
/// values stay strings: what each is to be is known where it is read (`Parameters`). A second parameter of one name is refused,
/// also one whose name differs in case alone: a proxy, a log or a check before this server could read the other one.
package struct QueryForm: Sendable, Equatable {
    private struct Field: Sendable, Equatable {
        let name: String
        let value: String
    }

    /// More than any call here needs.
    static let mostFields = 1_000
    /// The numbers of a list's elements.
    static let elements = 1...1_000
    /// The names between the dots.
    static let deepest = 8

    /// By name, in small letters.
    private var fields: [String: Field]

    package init() { fields = [:] }

    /// The value of a parameter without dots.
    subscript(_ name: String) -> String? { fields[Self.folded(name)].flatMap { $0.name == name ? $0.value : nil } }

    /// Adds the fields of a URL's query or a body's form.
    package mutating func add(_ text: Substring.UTF8View) throws(Refusal) {
        // Counted while splitting, since the text comes from a stranger.
        let items = text.split(separator: UInt8(ascii: "&"), maxSplits: Self.mostFields)
        guard items.count <= Self.mostFields - fields.count else {
            throw Refusal(.malformedRequest, "Too many parameters: a call has \(Self.mostFields) at most")
        }
        for item in items {
            let rawName = item.prefix { $0 != UInt8(ascii: "=") }
            guard let name = Self.decoded(rawName), let value = Self.decoded(item[rawName.endIndex...].dropFirst()) else {
                throw Refusal(.malformedRequest, "A parameter is not percent-encoded UTF-8")
            }
            // They belong to a presigned call's signature and not to the operation, and could be used to send the call again.
            guard !name.hasPrefix("X-Amz-") else { continue }
            guard fields.updateValue(Field(name: name, value: value), forKey: Self.folded(name)) == nil else {
                throw Refusal(.malformedRequest, "The parameter '\(Self.shortened(name))' is there twice")
            }
        }
    }

    private static func decoded(_ text: Substring.UTF8View) -> String? {
        PercentCoding.decoded(text, plusIsSpace: true).flatMap { String(validating: $0, as: UTF8.self) }
    }

    private static func folded(_ name: String) -> String {
        String(decoding: name.utf8.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    // MARK: Structures and lists

    /// The operation's input, without `Action` and `Version`.
    package func input() throws(Refusal) -> [String: JSONValue] {
        var paths: [Path] = []
        for field in fields.values where field.name != "Action" && field.name != "Version" {
            let names = field.name.split(separator: ".", maxSplits: Self.deepest, omittingEmptySubsequences: false)
            guard names.count <= Self.deepest else {
                throw Self.malformed("'\(Self.shortened(field.name))' has more than \(Self.deepest) parts")
            }
            guard !names.contains("") else { throw Self.malformed("'\(Self.shortened(field.name))' has an empty part") }
            paths.append(Path(names: names, value: field.value))
        }
        return try Self.structure(paths, at: 0)
    }

    private struct Path {
        let names: [Substring]
        let value: String
    }

    /// - Parameter depth: how many of the names all the paths have in common.
    private static func structure(_ paths: [Path], at depth: Int) throws(Refusal) -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        for (name, inner) in Dictionary(grouping: paths, by: { $0.names[depth] }) {
            members[String(name)] = try value(inner, at: depth + 1)
        }
        return members
    }

    private static func value(_ paths: [Path], at depth: Int) throws(Refusal) -> JSONValue {
        if let scalar = paths.first(where: { $0.names.count == depth }) {
            guard paths.count == 1 else {
                let name = shortened(scalar.names.joined(separator: "."))
                throw malformed("'\(name)' is a value and a structure at once")
            }
            return .string(scalar.value)
        }
        guard paths.contains(where: { $0.names[depth] == "member" }) else { return .object(try structure(paths, at: depth)) }
        return .array(try list(paths, at: depth))
    }

    /// The elements in the order of their numbers. A number that is missing is no gap in the list.
    private static func list(_ paths: [Path], at depth: Int) throws(Refusal) -> [JSONValue] {
        var numbered: [Int: [Path]] = [:]
        for path in paths {
            let name = shortened(path.names.joined(separator: "."))
            guard path.names[depth] == "member", path.names.count > depth + 1 else {
                throw malformed("'\(name)' belongs to a list, and is none of its elements")
            }
            guard let number = number(path.names[depth + 1]) else {
                throw malformed("'\(name)' is no element of a list: their numbers are 1 to \(elements.upperBound)")
            }
            numbered[number, default: []].append(path)
        }
        var values: [JSONValue] = []
        for (_, inner) in numbered.sorted(by: { $0.key < $1.key }) { values.append(try value(inner, at: depth + 2)) }
        return values
    }

    private static func number(_ text: Substring) -> Int? {
        guard text.utf8.count <= 4, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), text.first != "0",
            let number = Int(text), elements.contains(number)
        else { return nil }
        return number
    }

    private static func malformed(_ what: String) -> Refusal { Refusal(.malformedInput, "The parameter \(what)") }

    private static func shortened(_ name: String) -> String {
        name.utf8.count <= 128 ? name : String(name.prefix(64)) + "…"
    }
}
