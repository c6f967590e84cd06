import ArgumentParser
import Configuration

/// The options of `weir serve`: one for each setting, and one for the file of settings.
package struct SettingsOptions: ParsableArguments, Sendable {
    @OptionGroup(title: PlaceSection.title) var file: FileOption
    @OptionGroup(title: PlaceSection.title) var place: SectionOptions<PlaceSection>
    @OptionGroup(title: TLSSection.title) var tls: SectionOptions<TLSSection>
    @OptionGroup(title: UpstreamSection.title) var upstream: SectionOptions<UpstreamSection>
    @OptionGroup(title: IdentitySection.title) var identity: SectionOptions<IdentitySection>
    @OptionGroup(title: CacheSection.title) var cache: SectionOptions<CacheSection>
    @OptionGroup(title: OutletSection.title) var outlets: SectionOptions<OutletSection>
    @OptionGroup(title: ClientSection.title) var clients: SectionOptions<ClientSection>
    @OptionGroup(title: AccessSection.title) var access: SectionOptions<AccessSection>
    @OptionGroup(title: StartSection.title) var start: SectionOptions<StartSection>

    package init() {}

    /// What the options, the environment and the file say together. Throws every problem at once.
    package func settings(environment: [String: String]) async throws(SettingsProblems) -> Settings {
        let sections = [
            place.given, tls.given, upstream.given, identity.given, access.given, cache.given, outlets.given, clients.given,
            start.given,
        ]
        let given = sections.reduce(into: [:]) { all, some in all.merge(some) { _, last in last } }
        return try await SettingsReader(commandLine: given, configFile: file.config, environment: environment).read()
    }
}

struct FileOption: ParsableArguments, Sendable {
    @Option(help: .init("A JSON file with settings.", valueName: "file"))
    var config: String?
}

/// An option for each row of a section.
///
/// ArgumentParser finds the options of a type in its mirror, and reads what was typed from a decoder, by the names that they
/// have there. Both are made from the rows here, where other types have a property wrapper for each option.
struct SectionOptions<Section: SettingSection>: ParsableArguments, CustomReflectable, Sendable {
    /// What was typed, by the settings' keys.
    let given: [AbsoluteConfigKey: ConfigValue]

    init() { given = [:] }

    init(from decoder: any Decoder) throws {
        let options = try decoder.container(keyedBy: SettingName.self)
        given = try Section.rows.reduce(into: [:]) { given, row in
            let typed = try row.typed(in: options, SettingName(stringValue: row.key))
            given[AbsoluteConfigKey([row.key])] = typed.map { ConfigValue($0, isSecret: false) }
        }
    }

    var customMirror: Mirror {
        let children: [Mirror.Child] = Section.rows.map { (label: $0.key, value: $0.declaration) }
        return Mirror(self, children: children)
    }
}

/// A setting's key, where a decoder wants a type for it.
private struct SettingName: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension Setting {
    /// The property wrapper that a hand-written option would have.
    fileprivate var declaration: Any {
        let name = NameSpecification.customLong(option)
        let repeated = form == .list ? " May be repeated." : ""
        let help = ArgumentHelp("\(help)\(repeated)\(standard.map { " (default: \($0))" } ?? "")", valueName: valueName)
        return switch form {
        case .text: Option<String?>(name: name, help: help)
        // `-3` is told as too small, and not as an option of that name.
        case .number: Option<String?>(name: name, parsing: .unconditional, help: help)
        case .flag: Flag<Bool>(wrappedValue: false, name: name, help: help)
        case .list: Option<[String]>(wrappedValue: [], name: name, help: help)
        }
    }

    /// What was typed; nil where nothing was. A number may be any text: what is wrong with it is told together with all other
    /// problems.
    fileprivate func typed(in options: KeyedDecodingContainer<SettingName>, _ name: SettingName) throws -> ConfigContent? {
        switch form {
        case .flag: return try options.decode(Flag<Bool>.self, forKey: name).wrappedValue ? .bool(true) : nil
        case .list:
            let texts = try options.decode(Option<[String]>.self, forKey: name).wrappedValue
            return texts.isEmpty ? nil : .stringArray(texts)
        case .text, .number:
            let text = try options.decode(Option<String?>.self, forKey: name).wrappedValue
            return text.map { text in form == .number ? Int(text).map { .int($0) } ?? .string(text) : .string(text) }
        }
    }
}
