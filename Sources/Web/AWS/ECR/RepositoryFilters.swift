import WeirCore
import WeirRegistry

/// The filters by which registry settings select repositories, each with the model's pattern.
enum RepositoryFilters {
    /// `repositoryFilters` of one type, each checked against length and pattern.
    static func read(
        _ rule: Parameters, type: String, count: ClosedRange<Int>, length: ClosedRange<Int>, pattern: Pattern
    ) throws -> [String]? {
        try rule.optionalObjects("repositoryFilters", count: count)?.map { filter in
            let text = try filter.string("filter", length: length, pattern: pattern)
            let given = try filter.string("filterType")
            guard given == type else { throw filter.refusal(.oneOf([type]), given, "filterType") }
            return text
        }
    }

    static func json(_ filters: [String], type: String) -> JSONValue {
        .array(filters.map { ["filter": .string($0), "filterType": .string(type)] })
    }

    /// A prefix of repository names.
    static let prefix = Pattern(#"^(?:[a-z0-9]+(?:[._-][a-z0-9]*)*/)*[a-z0-9]*(?:[._-][a-z0-9]*)*$"#) { text in
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return parts.allSatisfy { $0.utf8.allSatisfy { isName($0) || isJoint($0) } }
            && parts.dropLast().allSatisfy { $0.utf8.first.map(isName) ?? false }
    }

    static let scanning = Pattern(#"^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$"#, isWildcard)

    static let signing = Pattern(
        #"^(?:[a-z0-9*]+(?:[._-][a-z0-9*]+)*/)*[a-z0-9*]+(?:[._-][a-z0-9*]+)*$"#, isWildcard)

    /// Both patterns above: names with stars, joined by single `.`, `_`, `-` or `/`.
    private static func isWildcard(_ text: String) -> Bool {
        var afterName = false
        for byte in text.utf8 {
            if isName(byte) || byte == UInt8(ascii: "*") {
                afterName = true
            } else if isJoint(byte) || byte == UInt8(ascii: "/") {
                guard afterName else { return false }
                afterName = false
            } else {
                return false
            }
        }
        return afterName
    }

    private static func isName(_ byte: UInt8) -> Bool { ASCII.isLower(byte) || ASCII.isDigit(byte) }
    private static func isJoint(_ byte: UInt8) -> Bool { "._-".utf8.contains(byte) }
}
