import Configuration
import WeirCore

/// How a kind of value is written, read, bounded and shown.
struct SettingKind<Value: Sendable>: Sendable {
    let form: SettingForm
    let valueName: String
    /// What people are told of a value that holds by default; nil: nothing.
    let shown: @Sendable (Value) -> String?
    /// Nil where what is given changes nothing. Throws `SettingFlaws`, or an error that says in its description what is wrong.
    let read: @Sendable (ConfigContent) throws -> Value?

    /// A text from which `make` makes the value.
    static func text(
        _ valueName: String, shown: @escaping @Sendable (Value) -> String? = { _ in nil },
        _ make: @escaping @Sendable (String) throws -> Value
    ) -> Self {
        SettingKind(form: .text, valueName: valueName, shown: shown) { given in
            guard case .string(let text) = given else { throw SettingForm.text.wrongForm }
            return try make(text)
        }
    }

    /// A list, each text of which `add` adds to the value. What is wrong with any of them is told of all of them together.
    static func list(
        _ valueName: String, into empty: Value, _ add: @escaping @Sendable (inout Value, String) throws -> Void
    ) -> Self {
        SettingKind(form: .list, valueName: valueName, shown: { _ in nil }) { given in
            guard case .stringArray(let texts) = given else { throw SettingForm.list.wrongForm }
            var value = empty
            var flaws: [String] = []
            for text in texts {
                do { try add(&value, text) } catch { flaws.append("\(error)") }
            }
            if flaws.isEmpty { return value }
            throw SettingFlaws(values: flaws)
        }
    }

    /// A flag that, where it is true, sets `value`.
    static func flag(_ value: Value) -> Self {
        SettingKind(form: .flag, valueName: "", shown: { _ in nil }) { $0 == .bool(true) ? value : nil }
    }

    /// The same kind for a property that has no value where nothing is set.
    static func optional<Wrapped>(_ kind: SettingKind<Wrapped>) -> Self where Value == Wrapped? {
        SettingKind(form: kind.form, valueName: kind.valueName, shown: { $0.flatMap(kind.shown) }) { try kind.read($0) }
    }

    /// The same kind for a property of which 0 makes none.
    static func unlessZero<Number: AdditiveArithmetic>(_ kind: SettingKind<Number>) -> Self where Value == Number? {
        SettingKind(form: kind.form, valueName: kind.valueName, shown: { kind.shown($0 ?? .zero) }) { given in
            try kind.read(given).map { $0 == .zero ? nil : $0 }
        }
    }
}

/// A text that is not what it should be, in words.
struct WrongText: Error, CustomStringConvertible {
    let description: String

    init(_ text: String, _ flaw: String) { description = "'\(text)' \(flaw)" }
}

extension SettingKind<Int> {
    static func count(from least: Int, to most: Int? = nil) -> Self {
        SettingKind(form: .number, valueName: "count", shown: { "\($0)" }) { given in
            guard case .int(let number) = given else { throw SettingForm.number.wrongForm }
            if let most, !(least...most).contains(number) { throw SettingFlaws("\(number) is not between \(least) and \(most)") }
            if number < least { throw SettingFlaws("\(number) is less than \(least)") }
            return number
        }
    }
}

extension SettingKind<Duration> {
    /// A hundred years: what is reckoned from a moment and such a time is still a moment.
    private static let longest = 3_153_600_000

    static func seconds(from least: Int = 0) -> Self {
        SettingKind(form: .number, valueName: "seconds", shown: { "\($0.components.seconds)" }) { given in
            guard case .int(let seconds) = given else { throw SettingForm.number.wrongForm }
            if seconds < least { throw SettingFlaws("\(seconds) is less than \(least) second\(least == 1 ? "" : "s")") }
            if seconds > longest { throw SettingFlaws("\(seconds) is more than \(longest) seconds, a hundred years") }
            return .seconds(seconds)
        }
    }
}

extension SettingKind<Duration> {
    static func seconds(between range: ClosedRange<Int>) -> Self {
        SettingKind(form: .number, valueName: "seconds", shown: { "\($0.components.seconds)" }) { given in
            guard case .int(let seconds) = given else { throw SettingForm.number.wrongForm }
            guard range.contains(seconds) else {
                throw SettingFlaws("\(seconds) is not between \(range.lowerBound) and \(range.upperBound) seconds")
            }
            return .seconds(seconds)
        }
    }
}

extension SettingKind<Int64?> {
    /// A number of bytes.
    static func size(suchAs example: String) -> Self {
        .text("size") { text in
            guard let size = ByteSize(text) else { throw WrongText(text, "is no size such as \(example)") }
            return size.bytes
        }
    }
}

extension SettingKind<String?> {
    static var file: Self { .text("file") { $0 } }

    /// A file to write to, or `-` for standard output.
    static var outlet: Self {
        .text("file") { text in
            if text.isEmpty { throw SettingFlaws(setting: "is empty: a file, or - for standard output") }
            return text
        }
    }
}

extension SettingKind<ListenAddress> {
    static var address: Self {
        .text("host:port", shown: { "\($0.host):\($0.port)" }) { text in
            guard let address = ListenAddress(text) else {
                throw WrongText(text, "is not HOST:PORT, or :PORT for every address of this machine")
            }
            return address
        }
    }
}

extension SettingKind where Value: RawRepresentable<String> {
    /// One of a few words.
    ///
    /// - Parameter names: those that are told, with `|` between them.
    static func choice(_ names: String) -> Self {
        .text(names, shown: { $0.rawValue }) { text in
            if let choice = Value(rawValue: text) { return choice }
            let words = names.split(separator: "|")
            throw WrongText(text, "is not \(words.dropLast().joined(separator: ", ")) or \(words.last ?? "")")
        }
    }
}

extension SettingKind<[String: String]> {
    /// Texts of two parts with `=` between them.
    ///
    /// - Parameters:
    ///   - form: how such a text is described to people.
    ///   - isGood: whether the second part is one.
    static func pairs(
        _ valueName: String, _ form: String, _ isGood: @escaping @Sendable (String) -> Bool = { _ in true }
    ) -> Self {
        .list(valueName, into: [:]) { pairs, text in
            let (host, value) = try pair(text, form)
            guard isGood(value) else { throw WrongText(text, "is not \(form)") }
            pairs[host] = value
        }
    }
}

/// The parts of a text before and after its first `=`.
func pair(_ text: String, _ form: String) throws -> (String, String) {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { throw WrongText(text, "is not \(form)") }
    return (parts[0], parts[1])
}
