/// The profiles of AWS's shared files, `credentials` and `config`, which every SDK reads.
struct SharedProfiles {
    /// One profile, of either file or both.
    struct Profile {
        /// From `credentials`.
        fileprivate(set) var secret: [Substring: String] = [:]
        /// From `config`.
        fileprivate(set) var settings: [Substring: String] = [:]

        /// A setting; what stands in `credentials` goes before.
        subscript(_ name: Substring) -> String? {
            (secret[name] ?? settings[name]).flatMap { $0.isEmpty ? nil : $0 }
        }

        /// A whole pair of one file: halves of two files belong to two keys.
        var pair: (values: [Substring: String], isConfig: Bool)? {
            for (values, isConfig) in [(secret, false), (settings, true)]
            where values["aws_access_key_id"]?.isEmpty == false && values["aws_secret_access_key"]?.isEmpty == false {
                return (values, isConfig)
            }
            return nil
        }
    }

    private var profiles: [Substring: Profile] = [:]

    /// - Parameters:
    ///   - credentials: the bytes of the file whose sections are `[NAME]`; nil where it does not exist.
    ///   - config: of the file whose sections are `[profile NAME]` and `[default]`.
    init(credentials: [UInt8]?, config: [UInt8]?) {
        for (section, name, value) in Self.entries(of: credentials) { profiles[section, default: Profile()].secret[name] = value }
        var prefixed: Set<Substring> = []
        for (section, name, value) in Self.entries(of: config) {
            if section == "default" {
                // `[profile default]` wins over `[default]`, wherever it stands.
                if prefixed.contains(section), profiles[section]?.settings[name] != nil { continue }
                profiles[section, default: Profile()].settings[name] = value
            } else if let profile = Self.profile(named: section) {
                if profile == "default" { prefixed.insert(profile) }
                profiles[profile, default: Profile()].settings[name] = value
            }
        }
    }

    subscript(_ name: String) -> Profile? { profiles[name[...]] }

    /// `work` of `profile work` and of `profile "work"`; nil for other sections, such as `sso-session x`.
    private static func profile(named section: Substring) -> Substring? {
        guard section.hasPrefix("profile"), section.dropFirst(7).first?.isWhitespace == true else { return nil }
        let name = trimmed(section.dropFirst(7))
        guard name.count > 1, let quote = name.first, quote == "\"" || quote == "'", name.last == quote else { return name }
        return name.dropFirst().dropLast()
    }

    private static func entries(of bytes: [UInt8]?) -> [(section: Substring, name: Substring, value: String)] {
        var found: [(Substring, Substring, String)] = []
        var section: Substring = ""
        // A setting without a value may hold indented settings of its own (`s3 =`), which are none of the profile's.
        var isNested = false
        for line in String(decoding: bytes ?? [], as: UTF8.self).split(whereSeparator: \.isNewline) {
            let text = trimmed(line)
            if text.isEmpty || text.hasPrefix("#") || text.hasPrefix(";") || isNested && line.first?.isWhitespace == true {
                continue
            }
            isNested = false
            if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
                section = trimmed(text[text.index(after: text.startIndex)..<end])
            } else if let equals = text.firstIndex(of: "=") {
                let value = String(trimmed(text[text.index(after: equals)...]))
                found.append((section, trimmed(text[..<equals]), value))
                isNested = value.isEmpty
            }
        }
        return found
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let start = text.drop(while: \.isWhitespace)
        return start[..<(start.lastIndex { !$0.isWhitespace }.map { start.index(after: $0) } ?? start.startIndex)]
    }
}
