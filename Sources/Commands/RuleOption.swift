import ArgumentParser
package import WeirCore

extension RuleOption {
    /// The option that is meant: by its name on the command line, with or without its dashes, or by the API's.
    ///
    /// Throws with all names where it is none of them.
    package init(named text: String) throws(CommandProblem) {
        let name = text.hasPrefix("--") ? String(text.dropFirst(2)) : text
        guard let found = Self.all.first(where: { $0.name == name || $0.member == name }) else {
            let names = Self.all.map(\.name)
            let question = Nearest.question(name, of: names + Self.all.map(\.member))
            throw CommandProblem(
                "there is no such option\(question.isEmpty ? "." : question) There are: \(names.joined(separator: ", "))")
        }
        self = found
    }

    /// What is set of a rule, in words: a name and a value for each option.
    ///
    /// - Parameter options: the member `options` of the API's rule.
    static func rows(_ options: JSONValue) -> [[String]] {
        all.compactMap { option in option.words.map { [$0, option.shown(options) ?? option.unset] } }
    }

    /// Nil where it is not set.
    private func shown(_ options: JSONValue) -> String? {
        let number = options.number(of: member)
        switch form {
        case .seconds: return number.map { Shown.exact(Int64(saturating: $0)) }
        case .count: return number.map { "\(Int64(saturating: $0)) at most" }
        case .bytes: return number.map { "\(Shown.bytes(Int64(saturating: $0))) at most" }
        case .rate: return number.map { "\($0 == $0.rounded() ? "\(Int64(saturating: $0))" : "\($0)") at most" }
        case .flag: return options.flag(member) ? "yes" : "no"
        case .text: return options.text(of: member)
        case .texts:
            let texts = options.texts(member)
            return texts.isEmpty ? nil : texts.joined(separator: " ")
        case .choice(let choices):
            let choice = choices.first { $0.word == options.text(of: member) }
            return choice.map { ($0.list.map { options.texts($0).joined(separator: " ") } ?? "") + $0.shown }
        }
    }
}

/// The options of `weir rules set`: one for each row of `RuleOption`.
///
/// ArgumentParser finds the options of a type in its mirror, and reads what was typed from a decoder, by the names that they
/// have there. Both are made from the rows here, where other types have a property wrapper for each option.
struct RuleOptionArguments: ParsableArguments, CustomReflectable {
    /// What was typed, as SetRuleOptions takes it.
    let members: [String: JSONValue]

    init() { members = [:] }

    init(from decoder: any Decoder) throws {
        let options = try decoder.container(keyedBy: MemberName.self)
        members = try RuleOption.all.reduce(into: [:]) { $0[$1.member] = try $1.typed(in: options) }
    }

    var customMirror: Mirror {
        let children: [Mirror.Child] = RuleOption.all.map { (label: $0.member, value: $0.declaration) }
        return Mirror(self, children: children)
    }
}

private struct MemberName: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension RuleOption {
    /// The property wrapper that a hand-written option would have.
    fileprivate var declaration: Any {
        switch form {
        case .seconds: number("seconds") { .integer(try Numbers.seconds($0)) }
        case .count: number("count") { .integer(try Numbers.count($0)) }
        case .bytes: number("bytes") { .integer(try Numbers.count($0)) }
        case .rate: number("number") { .number(try Numbers.rate($0)) }
        case .flag: Option<Bool?>(name: longName, help: help("true|false"))
        case .choice(let choices):
            Option<String?>(name: longName, help: help(choices.filter { $0.list == nil }.map(\.word).joined(separator: "|")))
        case .text(let value, _): Option<String?>(name: longName, help: help(value))
        case .texts(let value, _): Option<[String]>(wrappedValue: [], name: longName, help: help(value))
        }
    }

    private var longName: NameSpecification { .customLong(name) }

    private func help(_ valueName: String) -> ArgumentHelp { ArgumentHelp(help, valueName: valueName) }

    private func number(_ valueName: String, _ read: @escaping @Sendable (String) throws -> JSONValue) -> Option<JSONValue?> {
        Option(name: longName, parsing: .unconditional, help: help(valueName), transform: read)
    }

    /// What was typed; nil where nothing was.
    fileprivate func typed(in options: KeyedDecodingContainer<MemberName>) throws -> JSONValue? {
        let key = MemberName(stringValue: member)
        switch form {
        case .seconds, .count, .bytes, .rate: return try options.decode(Option<JSONValue?>.self, forKey: key).wrappedValue
        case .flag: return try options.decode(Option<Bool?>.self, forKey: key).wrappedValue.map { .bool($0) }
        case .choice, .text: return try options.decode(Option<String?>.self, forKey: key).wrappedValue.map { .string($0) }
        case .texts:
            let texts = try options.decode(Option<[String]>.self, forKey: key).wrappedValue
            return texts.isEmpty ? nil : .array(texts.map { .string($0) })
        }
    }
}
