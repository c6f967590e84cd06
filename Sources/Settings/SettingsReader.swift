import Configuration
import SystemPackage
import WeirCore

/// Reads the settings: command line, then environment (`WEIR_…`), then the JSON file, then defaults.
struct SettingsReader {
    let commandLine: [AbsoluteConfigKey: ConfigValue]
    let configFile: String?
    let environment: [String: String]

    /// Throws every problem at once.
    func read() async throws(SettingsProblems) -> Settings {
        var problems: [String] = []
        do {
            var settings = try Settings()
            let reader = ConfigReader(providers: await sources(&problems))
            problems += unknownVariables
            for setting in Setting.all { await setting.read(from: reader, into: &settings, &problems) }
            settings.complete(from: environment, &problems)
            if problems.isEmpty { return settings }
        } catch {
            problems.append("\(error)")
        }
        throw SettingsProblems(problems: problems)
    }

    /// The first goes before the others.
    private func sources(_ problems: inout [String]) async -> [any ConfigProvider] {
        let commandLine = InMemoryProvider(name: "command line", values: commandLine)
        let environment = EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "weir")
        guard let path = configFile ?? self.environment[EnvironmentVariable.configFile] else {
            return [commandLine, environment]
        }
        do {
            problems += try Self.unknownKeys(in: path)
            return [commandLine, environment, try await FileProvider<JSONSnapshot>(filePath: FilePath(path))]
        } catch let problem as StartProblem {
            problems.append(problem.description)
        } catch {
            problems.append("the file '\(path)' cannot be read as JSON settings: \(error)")
        }
        return [commandLine, environment]
    }

    /// A problem for each misspelt key, which would be silently ignored. Throws `StartProblem` where the file holds no settings
    /// at all, with the line where that shows.
    private static func unknownKeys(in path: String) throws(StartProblem) -> [String] {
        let bytes: [UInt8]?
        do throws(StartProblem) { bytes = try StartFile.contents(of: path) } catch {
            throw StartProblem("the settings file: \(error)")
        }
        guard let bytes else { throw StartProblem("the settings file '\(path)' is not there") }
        do throws(JSONError) {
            if case .object(let members) = try JSONValue(parsing: bytes) {
                let known = Setting.all.map(\.key)
                return members.keys.sorted().filter { !known.contains($0) }.map {
                    "the file '\(path)' has a key '\($0)' that is none of: \(known.joined(separator: ", "))"
                }
            }
        } catch {
            let before = bytes.prefix(error.offset)
            let line = before.count(where: { $0 == UInt8(ascii: "\n") }) + 1
            let column = before.count - (before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0) + 1
            throw StartProblem("the settings file '\(path)' is no JSON: \(error.reason) in line \(line), column \(column)")
        }
        throw StartProblem("the settings file '\(path)' is no JSON object: {\"data\": …}")
    }

    private var unknownVariables: [String] {
        let known = Set(Setting.all.map(\.variable) + EnvironmentVariable.all.map(\.name) + [EnvironmentVariable.configFile])
        // Kubernetes sets the last ones in every container beside a service that is called weir.
        let others = ["WEIR_TEST_", "WEIR_SERVICE_", "WEIR_PORT"]
        return environment.keys.filter { name in
            name.hasPrefix("WEIR_") && !known.contains(name) && !others.contains(where: name.hasPrefix)
        }
        .sorted().map { "the environment variable \($0) is no setting" }
    }
}
