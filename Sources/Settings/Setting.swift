import Configuration

/// A setting: one row of the tables in `SettingRows`, from which come the option and its help, the environment's variable, the
/// key in the file, how a value is read, and the line in docs/configuration.md. What the value is used for is said where it is
/// handed on: `Settings+Application`, `ServerProcess`, `Sinks`, `Opening` or `FirstStart` in weir.
package struct Setting: Sendable {
    /// The name in the JSON file: `publicHost`.
    package let key: String
    /// The option's name without its dashes: `public-host`.
    package let option: String
    package let form: SettingForm
    /// What stands for the value in `--help`: `seconds`. Empty for a flag.
    package let valueName: String
    /// What it does, in one or two sentences for a terminal.
    package let help: String
    /// What docs/configuration.md says besides, in Markdown.
    package let note: String?
    /// What holds where it is not set, for people. Nil where there is nothing to tell.
    package let standard: String?
    private let take: @Sendable (ConfigContent, inout Settings) throws -> Void

    /// - Parameters:
    ///   - option: the option's name, where it is not the key's.
    ///   - standard: what holds where it is not set, where that is not what `Settings` has there.
    init<Value>(
        _ key: String, option: String? = nil, _ kind: SettingKind<Value>,
        _ path: any WritableKeyPath<Settings, Value> & Sendable, _ help: String, note: String? = nil, standard: String? = nil
    ) {
        (self.key, self.help, self.note, form, valueName) = (key, help, note, kind.form, kind.valueName)
        self.option = option ?? Self.hyphenated(key)
        self.standard = standard ?? (try? Settings()).flatMap { kind.shown($0[keyPath: path]) }
        take = { given, settings in
            if let value = try kind.read(given) { settings[keyPath: path] = value }
        }
    }

    /// The variable that sets it: `WEIR_PUBLIC_HOST`.
    package var variable: String { "WEIR_" + Self.hyphenated(key).uppercased().replacing("-", with: "_") }

    /// Takes what is given for it, if anything is, and adds to `problems` what is wrong with that.
    func read(from reader: ConfigReader, into settings: inout Settings, _ problems: inout [String]) async {
        do {
            if let given = try await form.value(of: ConfigKey([key]), in: reader) { try take(given, &settings) }
        } catch let flaws as SettingFlaws {
            problems += flaws.words.map { key + $0 }
        } catch {
            problems.append("\(key): \(error)")
        }
    }

    /// `public-url` for `publicURL`.
    private static func hyphenated(_ key: String) -> String {
        key.replacing("CA", with: "Ca").replacing("URL", with: "Url").reduce(into: "") { name, letter in
            if letter.isUppercase { name.append("-") }
            name += letter.lowercased()
        }
    }
}

/// Rows that stand together in `--help`.
protocol SettingSection: Sendable {
    static var title: String { get }
    static var rows: [Setting] { get }
}

/// How a value is written, before it is understood.
package enum SettingForm: Sendable {
    case text, number, flag
    /// The option may be repeated; the variable has commas, and the file a list.
    case list

    /// What the first source has under `key` that has anything there; nil where none has. Throws `SettingFlaws` where it has
    /// another form.
    func value(of key: ConfigKey, in reader: ConfigReader) async throws -> ConfigContent? {
        do {
            switch self {
            case .text: return try await reader.fetchString(forKey: key).map { .string($0) }
            case .number: return try await reader.fetchInt(forKey: key).map { .int($0) }
            case .flag: return try await reader.fetchBool(forKey: key).map { .bool($0) }
            case .list: return try await reader.fetchStringArray(forKey: key).map { .stringArray($0) }
            }
        } catch {
            if self == .number, let text = try? await reader.fetchString(forKey: key) {
                throw SettingFlaws("'\(text)' is not a whole number")
            }
            throw wrongForm
        }
    }

    var wrongForm: SettingFlaws {
        switch self {
        case .text: SettingFlaws(setting: "is not a string")
        case .number: SettingFlaws(setting: "is not a whole number")
        case .flag: SettingFlaws(setting: "is not true or false")
        case .list: SettingFlaws(setting: "is not a list of strings")
        }
    }
}

/// What is wrong with the value of one setting.
struct SettingFlaws: Error {
    /// What follows the setting's key in the problem's sentence.
    let words: [String]

    /// - Parameter values: a sentence for each wrong value.
    init(values: [String]) { words = values.map { ": \($0)" } }
    init(_ value: String) { self.init(values: [value]) }
    /// - Parameter sentence: the rest of a sentence that begins with the setting's key.
    init(setting sentence: String) { words = [" \(sentence)"] }
}
