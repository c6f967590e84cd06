import WeirCore

extension RuleOptions {
    /// The column: JSON with a member for each option that is set, so that what an older server wrote reads as the default. Null
    /// where none is.
    var stored: SQLValue {
        var members: [String: JSONValue] = [:]
        for option in RuleOption.all {
            let value = option.value(self)
            if value != option.value(RuleOptions()), !option.isToldByAList(value) { members[option.column] = value }
        }
        return members.isEmpty ? .null : .text(JSONValue.object(members).text)
    }

    /// Throws `StoredValueError` where the column holds something else.
    init(stored text: String?) throws {
        self.init()
        guard let text else { return }
        let column = try? JSONValue(parsing: text.utf8)
        for option in RuleOption.all {
            guard let value = column?[option.column] else { continue }
            guard option.set(value, &self) else { throw StoredValueError(column: "cache_rule.options", value: text) }
        }
        if column == nil { throw StoredValueError(column: "cache_rule.options", value: text) }
    }
}

extension RuleOption {
    /// The member of the column: the API's, without its unit. Durations are microseconds there.
    fileprivate var column: String {
        if case .seconds = form { String(member.dropLast("Seconds".count)) } else { member }
    }

    /// Whether the value is a word that says no more than the list that goes with it.
    fileprivate func isToldByAList(_ value: JSONValue?) -> Bool {
        guard case .choice(let choices) = form else { return false }
        return choices.contains { value == .string($0.word) && $0.list != nil }
    }
}
