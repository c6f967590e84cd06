import Configuration
import Foundation
import Logging
import SystemPackage
import WeirCore
import WeirRegistry
import WeirText
import WeirWeb

/// Reads the settings: command line, then environment (`WEIR_…`), then the JSON file, then defaults.
struct SettingsReader {
    let commandLine: [AbsoluteConfigKey: ConfigValue]
    let configFile: String?
    var environment: [String: String] = ProcessInfo.processInfo.environment

    /// Throws every problem at once.
    func read() async throws(SettingsProblems) -> Settings {
        var problems: [String] = []
        var providers: [any ConfigProvider] = [
            InMemoryProvider(name: "command line", values: commandLine),
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "weir"),
        ]
        if let path = configFile ?? environment["WEIR_CONFIG"] {
            if let problem = Self.problem(ofFile: path) {
                problems.append(problem)
            } else {
                problems += Self.unknownKeys(in: path)
                do {
                    providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(path)))
                } catch {
                    problems.append("the file '\(path)' cannot be read as JSON settings: \(error)")
                }
            }
        }
        problems += unknownVariables
        var values = Values(reader: ConfigReader(providers: providers), problems: problems)
        let settings = await values.settings(environment)
        guard let settings, values.problems.isEmpty else { throw SettingsProblems(problems: values.problems) }
        return settings
    }

    /// A misspelt key would be silently ignored: it is a problem instead.
    private static func unknownKeys(in path: String) -> [String] {
        guard let data = FileManager.default.contents(atPath: path),
            let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        else { return [] }
        return object.keys.sorted().filter { Settings.Key(rawValue: $0) == nil }
            .map {
                "the file '\(path)' has a key '\($0)' that is none of: \(Settings.Key.allCases.map(\.rawValue).joined(separator: ", "))"
            }
    }

    private var unknownVariables: [String] {
        let known = Set(Settings.Key.allCases.map(\.variable)).union([
            "WEIR_CONFIG", "WEIR_METRICS_TOKEN", "WEIR_EVENTS_WEBHOOK_SECRET", "WEIR_ROOT_KEY", "WEIR_ROOT_KEY_FILE",
            "WEIR_ROOT_ACCESS_KEY_ID",
            "WEIR_ROOT_SECRET_ACCESS_KEY",
        ])
        // Kubernetes sets the last ones in every container beside a service that is called weir.
        let others = ["WEIR_TEST_", "WEIR_SERVICE_", "WEIR_PORT"]
        return environment.keys.filter { name in
            name.hasPrefix("WEIR_") && !known.contains(name) && !others.contains(where: name.hasPrefix)
        }
        .sorted().map { "the environment variable \($0) is no setting" }
    }
}

/// Reads values one by one and collects what is wrong with them.
struct Values {
    let reader: ConfigReader
    var problems: [String]

    mutating func settings(_ environment: [String: String]) async -> Settings? {
        guard let account = try? AccountID("123456789012"), let region = try? Region("us-east-1") else { return nil }
        var settings = Settings(account: account, region: region)
        if let account = await noun(.account, { try AccountID($0) }) { settings.account = account }
        if let region = await noun(.region, { try Region($0) }) { settings.region = region }
        if let data = await string(.data) { settings.data = data }
        await readAddresses(&settings)
        await readDoors(&settings, environment)
        await readTLS(&settings)
        await readUpstreams(&settings)
        await readHabits(&settings)
        await readCollection(&settings)
        await readStart(&settings)
        await readOutlets(&settings, environment)
        readKeys(&settings, environment)
        return settings
    }

    private mutating func readAddresses(_ settings: inout Settings) async {
        if let listen = await string(.listen) {
            if let place = place(listen, .listen) { (settings.host, settings.port) = place }
        }
        await readPublicAddress(&settings)
    }

    private mutating func place(_ text: String, _ key: Settings.Key) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            problems.append("\(key.rawValue): '\(text)' is not HOST:PORT, or :PORT for every address of this machine")
            return nil
        }
        let host = text[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        return (host.isEmpty ? "0.0.0.0" : host, Int(port))
    }

    /// How many may come in, and who may look at the metrics.
    private mutating func readDoors(_ settings: inout Settings, _ environment: [String: String]) async {
        if let count = await integer(.maxConnections) {
            if count < 16 { problems.append("maxConnections: \(count) is less than 16") }
            settings.maxConnections = max(count, 16)
        }
        if let count = await integer(.connectionsPerAddress) {
            if count < 0 { problems.append("connectionsPerAddress: \(count) is less than 0") }
            settings.connectionsPerAddress = count > 0 ? count : nil
        }
        var token = environment["WEIR_METRICS_TOKEN"]
        if let file = await string(.metricsTokenFile) {
            token = try? String(contentsOfFile: file, encoding: .utf8)
            if token == nil { problems.append("metricsTokenFile: '\(file)' cannot be read") }
        }
        if let token = token?.trimmingCharacters(in: .whitespacesAndNewlines) {
            if token.utf8.count < 16 { problems.append("the token for the metrics has fewer than 16 characters") }
            settings.metricsAccess = .bearer(Array(token.utf8))
        }
        if let text = await string(.metricsListen), let place = place(text, .metricsListen) {
            settings.metricsAt = place
            settings.metricsAccess = .elsewhere
        }
    }

    private mutating func readTLS(_ settings: inout Settings) async {
        let certificate = await string(.tlsCertificate)
        let key = await string(.tlsKey)
        let isSelfSigned = await bool(.tlsSelfSigned) ?? false
        switch (certificate, key, isSelfSigned) {
        case (nil, nil, false): break
        case (nil, nil, true): settings.tls = .selfSigned
        case (let certificate?, let key?, false):
            checkTLS(certificate: certificate, key: key)
            settings.tls = .files(certificate: certificate, key: key)
        case (_, _, true):
            problems.append("tlsSelfSigned goes without tlsCertificate and tlsKey")
        default: problems.append("tlsCertificate and tlsKey are given together or not at all")
        }
    }

    private mutating func readUpstreams(_ settings: inout Settings) async {
        for text in await list(.upstreams) {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            if parts.count == 2, parts[1].hasPrefix("http://") || parts[1].hasPrefix("https://") {
                settings.upstreams[parts[0]] = parts[1]
            } else {
                problems.append("upstreams: '\(text)' is not HOST=URL with an http or https URL")
            }
        }
        settings.allowPrivateUpstreams = Set(await list(.allowPrivateUpstreams))
        settings.upstreamCA = await string(.upstreamCA)
        settings.upstreamContact = await string(.upstreamContact)
        if let contact = settings.upstreamContact, !WeirVersion.isContact(contact) {
            problems.append("upstreamContact: '\(contact)' is no mail address or URL of at most 200 characters")
        }
        if await bool(.allowAnyUpstream) == true { settings.upstreamPolicy.hosts = .any }
        if await bool(.optionalUpstreamSecrets) == true { settings.upstreamPolicy.secrets = .optional }
        if let count = await integer(.rulesPerRegistry) {
            if !(1...CacheRule.mostPerRegistry).contains(count) {
                problems.append("rulesPerRegistry: \(count) is not between 1 and \(CacheRule.mostPerRegistry)")
            }
            settings.upstreamPolicy.rulesPerRegistry = min(max(count, 1), CacheRule.mostPerRegistry)
        }
        if let patience = await seconds(.upstreamPatience, atLeast: 1) { settings.upstreamPatience = patience }
        if let time = await seconds(.rememberMissing) { settings.rememberMissing = time }
        for text in await list(.upstreamIdentityAccounts) {
            do { settings.upstreamIdentityAccounts.insert(try AccountID(text)) } catch {
                problems.append("upstreamIdentityAccounts: \(error)")
            }
        }
        for (host, file) in await pairs(.upstreamAuthorities, "HOST=FILE") { settings.upstreamAuthorities[host] = file }
        for (host, realm) in await pairs(.trustedRealms, "HOST=HOST") { settings.trustedRealms[host, default: []].insert(realm) }
    }

    private mutating func pairs(_ key: Settings.Key, _ form: String) async -> [(String, String)] {
        var pairs: [(String, String)] = []
        for text in await list(key) {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            if parts.count == 2 {
                pairs.append((parts[0], parts[1]))
            } else {
                problems.append("\(key.rawValue): '\(text)' is not \(form)")
            }
        }
        return pairs
    }

    private mutating func readHabits(_ settings: inout Settings) async {
        if let sealing = await choice(.sealing, Blobs.Sealing.self, "all or kms-only") { settings.sealing = sealing }
        if let level = await choice(.logLevel, Logger.Level.self, "trace, debug, info, notice, warning or error") {
            settings.logLevel = level
        }
        settings.logFormat = await choice(.logFormat, Settings.LogFormat.self, "json or text")
        if let freshness = await seconds(.freshness) { settings.freshness = freshness }
    }

    private mutating func readCollection(_ settings: inout Settings) async {
        if let window = await seconds(.uploadWindow, atLeast: 1) { settings.uploadWindow = window }
        if let interval = await seconds(.gcInterval) { settings.collection.interval = interval > .zero ? interval : nil }
        if let grace = await seconds(.gcGrace) { settings.collection.grace = grace }
        if let interval = await seconds(.lifecycleInterval) { settings.lifecycle.interval = interval > .zero ? interval : nil }
        if let text = await string(.cacheSize) {
            settings.collection.cacheSize = ByteSize(text)?.bytes
            if settings.collection.cacheSize == nil { problems.append("cacheSize: '\(text)' is no size such as 200GiB") }
        }
    }

    private mutating func readOutlets(_ settings: inout Settings, _ environment: [String: String]) async {
        settings.events = await path(.events)
        settings.audit = await path(.audit)
        settings.eventsWebhook = await string(.eventsWebhook)
        settings.eventsWebhookSecret = environment["WEIR_EVENTS_WEBHOOK_SECRET"]
        if let url = settings.eventsWebhook, !url.hasPrefix("https://"), !url.hasPrefix("http://") {
            problems.append("eventsWebhook is not an http or https URL")
        }
        if let patience = await seconds(.downloadPatience) { settings.downloadPatience = patience > .zero ? patience : nil }
    }

    /// Keys come from the environment alone: a command line and a settings file are read by too many.
    private mutating func readKeys(_ settings: inout Settings, _ environment: [String: String]) {
        switch (environment["WEIR_ROOT_ACCESS_KEY_ID"], environment["WEIR_ROOT_SECRET_ACCESS_KEY"]) {
        case (nil, nil): break
        case (let id?, let secret?) where (16...128).contains(id.utf8.count) && secret.utf8.count >= 16:
            settings.rootAccessKey = Settings.RootAccessKey(id: id, secret: secret)
        default:
            problems.append(
                "WEIR_ROOT_ACCESS_KEY_ID (16 to 128 characters) and WEIR_ROOT_SECRET_ACCESS_KEY (16 or more) are given together or not at all"
            )
        }
        if let text = environment["WEIR_ROOT_KEY"] {
            settings.rootKey = Hex.decode(text)
            if settings.rootKey?.count != 32 {
                problems.append("WEIR_ROOT_KEY is not 64 hexadecimal digits")
            }
        }
        settings.rootKeyFile = environment["WEIR_ROOT_KEY_FILE"]
        if settings.rootKeyFile != nil, environment["WEIR_ROOT_KEY"] != nil {
            problems.append("WEIR_ROOT_KEY and WEIR_ROOT_KEY_FILE are not given together")
        }
    }

    // MARK: One value

    mutating func string(_ key: Settings.Key) async -> String? {
        do { return try await reader.fetchString(forKey: ConfigKey([key.rawValue])) } catch {
            return wrong(key, "a string")
        }
    }

    private mutating func path(_ key: Settings.Key) async -> String? {
        guard let path = await string(key) else { return nil }
        if path.isEmpty { problems.append("\(key.rawValue) is empty: a file, or - for standard output") }
        return path
    }

    private mutating func integer(_ key: Settings.Key) async -> Int? {
        do { return try await reader.fetchInt(forKey: ConfigKey([key.rawValue])) } catch {
            guard let text = try? await reader.fetchString(forKey: ConfigKey([key.rawValue])) else {
                return wrong(key, "a whole number")
            }
            problems.append("\(key.rawValue): '\(text)' is not a whole number")
            return nil
        }
    }

    /// A hundred years: what is reckoned from a moment and such a time is still a moment.
    private static let longest = 3_153_600_000

    private mutating func seconds(_ key: Settings.Key, atLeast least: Int = 0) async -> Duration? {
        guard let seconds = await integer(key) else { return nil }
        if seconds < least { problems.append("\(key.rawValue): \(seconds) is less than \(least) second\(least == 1 ? "" : "s")") }
        if seconds > Self.longest {
            problems.append("\(key.rawValue): \(seconds) is more than \(Self.longest) seconds, a hundred years")
        }
        return .seconds(min(max(seconds, least), Self.longest))
    }

    mutating func bool(_ key: Settings.Key) async -> Bool? {
        do { return try await reader.fetchBool(forKey: ConfigKey([key.rawValue])) } catch {
            return wrong(key, "true or false")
        }
    }

    private mutating func list(_ key: Settings.Key) async -> [String] {
        do { return try await reader.fetchStringArray(forKey: ConfigKey([key.rawValue])) ?? [] } catch {
            return wrong(key, "a list of strings") ?? []
        }
    }

    private mutating func noun<Noun>(
        _ key: Settings.Key, _ make: (String) throws -> Noun
    ) async -> Noun? {
        guard let text = await string(key) else { return nil }
        do { return try make(text) } catch {
            problems.append("\(key.rawValue): \(error)")
            return nil
        }
    }

    private mutating func choice<Choice: RawRepresentable<String>>(
        _ key: Settings.Key, _ type: Choice.Type, _ choices: String
    ) async -> Choice? {
        guard let text = await string(key) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        problems.append("\(key.rawValue): '\(text)' is not \(choices)")
        return nil
    }

    private mutating func wrong<Value>(_ key: Settings.Key, _ wanted: String) -> Value? {
        problems.append("\(key.rawValue) is not \(wanted)")
        return nil
    }
}
