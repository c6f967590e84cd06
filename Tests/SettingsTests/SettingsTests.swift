import ArgumentParser
import Foundation
import Testing
import WeirSettings

/// The settings, from their rows to what they say.
@Suite struct SettingsTests {
    /// A value for each kind that is not what holds by default.
    private static func sample(_ setting: Setting) -> String {
        // From 900 to 43,200.
        if setting.key == "registryTokenLifetime" { return "7777" }
        return switch setting.valueName {
        case "": "true"
        case "seconds", "count": "77"
        case "size": "3GiB"
        case "host:port": "127.0.0.1:77"
        case "host=url": "docker.io=https://mirror.example"
        case "host=file", "upstream=host": "docker.io=x"
        case "id": "777777777777"
        case "o-id": "o-7777777777"
        case "name": "eu-north-1"
        case "url", "https://host[:port]": "https://weir.example:77"
        case "mail or url": "ops@weir.example"
        case let names where names.contains("|"): String(names.split(separator: "|").last ?? "")
        default: "some.example"
        }
    }

    /// No words: ArgumentParser takes long to read any where it is not optimised.
    private static let none = Result { try SettingsOptions.parse([]) }

    /// What the program makes of some words, variables and a file: the settings, or what is wrong with them.
    private static func outcome(
        _ words: [String] = [], _ environment: [String: String] = [:], file: String? = nil
    ) async throws -> String {
        var environment = environment
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("weir-\(UUID()).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        if let file {
            try file.write(toFile: path, atomically: true, encoding: .utf8)
            environment["WEIR_CONFIG"] = path
        }
        let options = try words.isEmpty ? none.get() : SettingsOptions.parse(words)
        do {
            return String(reflecting: try await options.settings(environment: environment))
        } catch {
            return error.description.replacingOccurrences(of: path, with: "FILE")
        }
    }

    @Test("A setting is the same by its variable and by its key", arguments: Setting.all.map(\.key))
    func variableAndKey(key: String) async throws {
        let setting = try #require(Setting.all.first { $0.key == key })
        let value = Self.sample(setting)
        let byVariable = try await Self.outcome([], [setting.variable: value])
        let written =
            switch setting.form {
            case .text: "\"\(value)\""
            case .number, .flag: value
            case .list: "[\"\(value)\"]"
            }
        #expect(try await Self.outcome(file: "{\"\(key)\": \(written)}") == byVariable)
        #expect(try await Self.outcome() != byVariable, "\(value) changes nothing")
    }

    @Test func optionsSayTheSameAsVariables() async throws {
        // Those that cannot go with all others, or add to one set of which the order is not told, are tried one by one.
        let apart: Set = [
            "publicHost", "tlsCertificate", "tlsKey", "metricsTokenFile", "acceptOlderDatabase", "acceptMissingBlobs",
        ]
        let together = Setting.all.filter { !apart.contains($0.key) }
        for rows in [together] + Setting.all.filter({ apart.contains($0.key) }).map({ [$0] }) {
            let words = rows.flatMap { ["--\($0.option)"] + ($0.form == .flag ? [] : [Self.sample($0)]) }
            let byOption = try await Self.outcome(words)
            let variables = Dictionary(uniqueKeysWithValues: rows.map { ($0.variable, Self.sample($0)) })
            #expect(try await Self.outcome([], variables) == byOption)
            #expect(rows.count == 1 || byOption.hasPrefix("WeirSettings.Settings("), "\(byOption)")
        }
    }

    @Test func namesAreOfOneSettingEach() {
        let rows = Setting.all
        for names in [rows.map(\.key), rows.map(\.option), rows.map(\.variable)] { #expect(Set(names).count == rows.count) }
    }

    @Test func theFirstSourceWins() async throws {
        let file = #"{"region": "eu-north-1", "data": "from-file"}"#
        let told = try await Self.outcome(["--region", "eu-west-1"], ["WEIR_REGION": "eu-west-2", "WEIR_DATA": "x"], file: file)
        #expect(told.contains("eu-west-1") && !told.contains("eu-west-2") && !told.contains("eu-north-1"))
        #expect(told.contains(#"data: "x""#))
        let elsewhere = try await Self.outcome(["--config", "/nowhere.json"], file: file)
        #expect(elsewhere.contains("the settings file '/nowhere.json' is not there"))
    }

    @Test func everythingThatIsWrongIsToldTogether() async throws {
        let told = try await Self.outcome(
            ["--gc-grace", "-1", "--upload-window", "0", "--upstream", "a", "--upstream", "b=ftp://c", "--tls-key", "k"],
            ["WEIR_FRESHNESS": "soon", "WEIR_LISTN": "x", "WEIR_LOG_FORMAT": "xml", "WEIR_ROOT_KEY": "ff"],
            file:
                #"{"lissten": "x", "region": 7, "maxConnections": 1.5, "sealing": "some", "events": "", "allowAnyUpstream": "so"}"#
        )
        for problem in [
            "gcGrace: -1 is less than 0 seconds", "uploadWindow: 0 is less than 1 second", "upstreams: 'a' is not HOST=URL with",
            "upstreams: 'b=ftp://c' is not HOST=URL", "tlsCertificate and tlsKey are given together",
            "freshness: 'soon' is not a whole number", "the environment variable WEIR_LISTN is no setting",
            "logFormat: 'xml' is not json or text", "WEIR_ROOT_KEY is not 64 hexadecimal digits",
            "the file 'FILE' has a key 'lissten' that is none of: data, listen, ", "region is not a string",
            "maxConnections is not a whole number", "sealing: 'some' is not all or kms-only",
            "events is empty: a file, or - for standard output", "allowAnyUpstream is not true or false",
        ] {
            #expect(told.contains("  - \(problem)"), "\(problem) is not in:\n\(told)")
        }
        #expect(told.split(separator: "\n").count == 16, "\(told)")
    }

    @Test(arguments: [
        (["--listen", ":77"], "ListenAddress(host: \"0.0.0.0\", port: 77)"),
        (["--listen", "[::]:77"], "ListenAddress(host: \"::\", port: 77)"),
        (["--gc-interval", "0"], "Settings(interval: nil,"), (["--connections-per-address", "0"], "connectionsPerAddress: nil"),
        (["--freshness", "3153600001"], "freshness: 3153600001 is more than 3153600000 seconds, a hundred years"),
        (["--registry-token-lifetime", "899"], "registryTokenLifetime: 899 is not between 900 and 43200 seconds"),
        (["--registry-token-lifetime", "43201"], "registryTokenLifetime: 43201 is not between 900 and 43200 seconds"),
        (["--iam-user-passwords", "yes"], "iamUserPasswords: 'yes' is not on or off"),
        (["--log-level", "loud"], "logLevel: 'loud' is not trace, debug, info, notice, warning or error"),
        (["--rules-per-registry", "0"], "rulesPerRegistry: 0 is not between 1 and 1000"),
        (["--max-connections", "15"], "maxConnections: 15 is less than 16"),
        (["--cache-size", "much"], "cacheSize: 'much' is no size such as 200GiB"),
        (["--public-host", "https://x"], "publicHost: 'https://x' has a port that is none: 1 to 65535: give HOST[:PORT],"),
        (["--public-host", "a.example", "--public-url", "https://b.example"], "publicURL names 'b.example' and publicHost"),
        (["--upstream-identity-account", "12"], "upstreamIdentityAccounts: the account id '12' is not twelve digits"),
        (["--tls-self-signed", "--tls-key", "k"], "tlsSelfSigned goes without tlsCertificate and tlsKey"),
        (["--tls-certificate", "/no/c", "--tls-key", "/no/k"], "the TLS file '/no/k' cannot be read: it is not there"),
    ])
    func bounds(words: [String], told: String) async throws {
        let outcome = try await Self.outcome(words)
        #expect(outcome.contains(told), "\(told) is not in:\n\(outcome)")
    }

    @Test func metricsAreForThisMachineUnlessTheSettingsSayMore() async throws {
        func access(_ words: [String], _ environment: [String: String] = [:]) async throws -> String {
            "\(try await SettingsOptions.parse(words).settings(environment: environment).metricsAccess)"
        }
        #expect(try await access([]) == "thisMachine")
        #expect(try await access([], ["WEIR_METRICS_TOKEN": " sixteen-letters!\n"]).hasPrefix("bearer([115, 105"))
        #expect(try await access(["--metrics-listen", ":1"], ["WEIR_METRICS_TOKEN": "sixteen-letters!"]) == "elsewhere")
        let told = try await Self.outcome([], ["WEIR_METRICS_TOKEN": " fifteen-letters "])
        #expect(told.contains("the token for the metrics has fewer than 16 characters"))
    }

    @Test(arguments: [
        ("weir.example", "weir.example"), ("weir.example:5050", "weir.example"), ("10.0.0.1:5050", "10.0.0.1"),
        ("[::1]:5050", "::1"),
        ("[fd00::2]", "fd00::2"),
    ])
    func theNameOfAPublicHost(place: String, name: String) { #expect(PublicAddress.name(in: place) == name) }
}
