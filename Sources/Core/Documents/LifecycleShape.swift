/// An object of a lifecycle policy, checked against the members it may have. Errors have the texts of ECR's schema check.
struct LifecycleShape {
    private let members: [String: JSONValue]
    private let required: [String]
    private let optional: [String]

    /// - Parameter required: sorted, since the error lists missing members in that order.
    init(_ members: [String: JSONValue], required: [String], optional: [String]) {
        self.members = members
        self.required = required
        self.optional = optional
    }

    func check() throws(LifecyclePolicyError) {
        let missing = required.filter { members[$0] == nil }
        guard missing.isEmpty else { throw .missing(missing) }
        let allowed = Set(required + optional)
        if let unknown = members.keys.sorted().first(where: { !allowed.contains($0) }) {
            throw LifecyclePolicyError(
                reason: "object instance has properties which are not allowed by the schema: ([\"\(unknown)\"])'")
        }
    }

    func has(_ name: String) -> Bool { members[name] != nil }

    func object(_ name: String) throws(LifecyclePolicyError) -> [String: JSONValue] {
        guard case .object(let object)? = members[name] else { throw .type(members[name] ?? .null, allowed: "object") }
        return object
    }

    func text(_ name: String) throws(LifecyclePolicyError) -> String? {
        guard let value = members[name] else { return nil }
        guard let text = value.string else { throw .type(value, allowed: "string") }
        return text
    }

    /// The member's value, which must be one of `words`. `words` are sorted, since the error lists them in that order.
    func word(_ name: String, _ words: [String]) throws(LifecyclePolicyError) -> String {
        let value = members[name] ?? .null
        guard let text = value.string, words.contains(text) else {
            throw LifecyclePolicyError(
                reason: "instance value (\(value.scalar ?? value.typeName)) not found in enum "
                    + ":(possible values: [\(words.quoted)])'")
        }
        return text
    }

    /// The member's list of non-empty texts; an empty list if the member is absent.
    func texts(_ name: String) throws(LifecyclePolicyError) -> [String] {
        guard let value = members[name] else { return [] }
        guard case .array(let values) = value else { throw .type(value, allowed: "array") }
        var texts: [String] = []
        for value in values {
            guard let text = value.string else { throw .type(value, allowed: "string") }
            guard !text.isEmpty else { throw .word("An entry of \(name) is empty") }
            texts.append(text)
        }
        return texts
    }

    func integer(_ name: String, minimum: Int) throws(LifecyclePolicyError) -> Int {
        let value = members[name] ?? .null
        guard case .integer(let number) = value, let integer = Int(exactly: number) else {
            throw .type(value, allowed: "integer")
        }
        guard integer >= minimum else { throw .tooLow(integer, minimum: minimum) }
        // Above every quota and age, and low enough that arithmetic on it cannot overflow.
        guard integer <= Int(Int32.max) else {
            throw LifecyclePolicyError(
                reason: "numeric instance is greater than the required maximum "
                    + "(maximum: \(Int32.max), found: \(integer))")
        }
        return integer
    }
}

extension LifecyclePolicyError {
    static func type(_ value: JSONValue, allowed: String) -> Self {
        Self(
            reason: "instance type (\(value.typeName)) does not match any allowed primitive type "
                + "(allowed: [\"\(allowed)\"])'")
    }

    static func missing(_ names: [String]) -> Self {
        Self(reason: "object has missing required properties ([\(names.quoted)])'")
    }

    /// An error that is one whole sentence.
    static func word(_ sentence: String) -> Self { Self(reason: sentence + ".'") }

    // ECR sends these two without a closing quotation mark.
    static var noCount: Self { Self(reason: "instance failed to match exactly one schema (matched 0 out of 2)") }

    static func tooLow(_ found: Int, minimum: Int) -> Self {
        Self(reason: "numeric instance is lower than the required minimum (minimum: \(minimum), found: \(found))")
    }
}

extension [String] {
    fileprivate var quoted: String { map { "\"\($0)\"" }.joined(separator: ", ") }
}
