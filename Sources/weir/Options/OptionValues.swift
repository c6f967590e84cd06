import Configuration

/// What the command line says, by the settings' keys.
///
/// Numbers are taken as they were written: `SettingsReader` judges them, so that all problems are told together.
typealias OptionValues = [AbsoluteConfigKey: ConfigValue]

extension OptionValues {
    mutating func put(_ key: Settings.Key, _ text: String?) {
        if let text { self[key.configKey] = ConfigValue(.string(text), isSecret: false) }
    }

    mutating func put(number key: Settings.Key, _ text: String?) {
        guard let text else { return }
        self[key.configKey] = ConfigValue(Int(text).map { .int($0) } ?? .string(text), isSecret: false)
    }

    mutating func put(_ key: Settings.Key, _ list: [String]) {
        if !list.isEmpty { self[key.configKey] = ConfigValue(.stringArray(list), isSecret: false) }
    }

    mutating func put(_ key: Settings.Key, _ isSet: Bool) {
        if isSet { self[key.configKey] = ConfigValue(.bool(true), isSecret: false) }
    }
}
