/// An option of a cache rule beyond ECR's API: one row of `RuleOption.all`, from which come the members of the API and of the
/// stored column, the command line's option and its help, what a reset does, and what people are told.
///
/// A value is JSON here, a duration in microseconds.
package struct RuleOption: Sendable {
    /// The option of `weir rules set`, without its dashes.
    package let name: String
    /// The member of the API's objects.
    package let member: String
    package let form: Form
    /// What it does, for `weir rules set --help`.
    package let help: String
    /// What people call it; nil where it is told together with another one.
    package let words: String?
    /// What people are told where it is not set.
    package let unset: String
    /// Its value; nil where it has none.
    package let value: @Sendable (RuleOptions) -> JSONValue?
    /// Sets it. False where the value has another form than the option's.
    package let set: @Sendable (JSONValue, inout RuleOptions) -> Bool
    /// Sets it to what a rule has of which nothing was set.
    package let reset: @Sendable (inout RuleOptions) -> Void
    /// What is wrong with it, as a sentence; nil where nothing is.
    let flaw: @Sendable (RuleOptions, UpstreamKind) -> String?

    /// How the API takes a value, and what it may be at the most. What it must be besides is for `flaw` to say.
    package enum Form: Sendable {
        case seconds(ClosedRange<Int64>)
        case count(ClosedRange<Int64>)
        case bytes(ClosedRange<Int64>)
        /// A number greater than 0.
        case rate
        case flag
        case choice([Choice])
        /// - Parameter value: what one of the texts is, for `--help`.
        case texts(value: String, count: ClosedRange<Int>)
        /// A text; the empty one resets the option.
        case text(value: String, length: ClosedRange<Int>)
    }

    /// A word that an option may be, what people are told in its place, and the member that must be given with it: a list, which
    /// is told before what is shown.
    package typealias Choice = (word: String, shown: String, list: String?)

    /// - Parameters:
    ///   - member: the API's name, where it is not the command line's.
    ///   - whyOnlyOther: why no upstream that ECR knows may have it; nil where these may.
    ///   - flaw: what is wrong with a value, as a sentence; nil where nothing is.
    init<Property: Equatable & Sendable>(
        _ name: String, member: String? = nil, _ kind: RuleOptionKind<Property>,
        _ path: any WritableKeyPath<RuleOptions, Property> & Sendable, _ help: String, words: String?, unset: String,
        whyOnlyOther: String? = nil, flaw: @escaping @Sendable (Property) -> String? = { _ in nil }
    ) {
        let member = member ?? name
        (self.name, self.member, self.help, self.words, self.unset) = (name, member, help, words, unset)
        form = kind.form
        value = { kind.json($0[keyPath: path]) }
        set = { value, options in
            guard let new = kind.read(value, options[keyPath: path]) else { return false }
            options[keyPath: path] = new
            return true
        }
        reset = { options in options[keyPath: path] = RuleOptions()[keyPath: path] }
        self.flaw = { options, upstream in
            let value = options[keyPath: path]
            guard let whyOnlyOther, upstream != .other, value != RuleOptions()[keyPath: path] else { return flaw(value) }
            return "\(member) is not for \(upstream.rawValue), \(whyOnlyOther)"
        }
    }
}

/// How a property of `RuleOptions` is taken and told.
struct RuleOptionKind<Property: Sendable>: Sendable {
    let form: RuleOption.Form
    let json: @Sendable (Property) -> JSONValue?
    /// The property that follows from a value and from what the property is now; nil where the value has another form.
    let read: @Sendable (JSONValue, Property) -> Property?
}

extension RuleOptionKind {
    init(
        _ form: RuleOption.Form, _ json: @escaping @Sendable (Property) -> JSONValue,
        _ read: @escaping @Sendable (JSONValue) -> Property?
    ) {
        self.init(form: form, json: json) { value, _ in read(value) }
    }

    /// The same for a property that may have no value.
    init<Wrapped>(
        optional form: RuleOption.Form, _ json: @escaping @Sendable (Wrapped) -> JSONValue,
        _ read: @escaping @Sendable (JSONValue) -> Wrapped?
    ) where Property == Wrapped? {
        self.init(form: form, json: { $0.map(json) }) { value, _ in read(value).map { .some($0) } }
    }
}

extension RuleOptionKind<Duration?> {
    /// A year at the most.
    static var seconds: Self {
        Self(optional: .seconds(0...31_536_000), { .integer($0.microseconds) }) { $0.integer.map { .microseconds($0) } }
    }
}

extension RuleOptionKind<Int?> {
    static func count(_ range: ClosedRange<Int64>) -> Self {
        Self(optional: .count(range), { .integer(Int64($0)) }) { $0.integer.map { Int(clamping: $0) } }
    }
}

extension RuleOptionKind<Int64?> {
    static var bytes: Self { Self(optional: .bytes(1...ByteCount.limit), { .integer($0) }) { $0.integer } }
}

extension RuleOptionKind<Double?> {
    static var rate: Self {
        Self(optional: .rate, { .number($0) }) { value in
            if case .number(let number) = value { number } else { value.integer.map { Double($0) } }
        }
    }
}

extension RuleOptionKind<Bool> {
    static var flag: Self { Self(.flag, { .bool($0) }) { if case .bool(let isSet) = $0 { isSet } else { nil } } }
}

extension RuleOptionKind<String?> {
    static func text(_ value: String, length: ClosedRange<Int>) -> Self {
        RuleOptionKind(form: .text(value: value, length: length), json: { $0.map { .string($0) } }) { value, _ in
            value.string.map { $0.isEmpty ? nil : $0 }
        }
    }
}

extension RuleOptionKind<[String]> {
    static func texts(_ value: String, count: ClosedRange<Int>) -> Self {
        Self(.texts(value: value, count: count), { .array($0.map { .string($0) }) }) { $0.strings }
    }
}

extension RuleOptionKind where Property: RawRepresentable<String> {
    static func choice(_ choices: [RuleOption.Choice]) -> Self {
        Self(.choice(choices), { .string($0.rawValue) }) { $0.string.flatMap { Property(rawValue: $0) } }
    }
}

extension JSONValue {
    fileprivate var integer: Int64? { if case .integer(let number) = self { number } else { nil } }
}
