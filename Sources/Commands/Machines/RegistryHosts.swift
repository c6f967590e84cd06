import WeirCore

/// The hosts that are this machine's Weirs. No other host is told anything.
package struct RegistryHosts: Sendable {
    /// More than any machine has servers.
    private static let most = 1_000
    /// What a host may say of itself in the file.
    private static let members: Set<String> = ["endpoint", "region", "ca", "profile", "credentials"]

    /// By their names.
    package let all: [RegistryHost]
    /// Where hosts are configured, for error messages.
    package let places: String

    /// From the file of hosts, from `WEIR_HOSTS`, and from the endpoint that AWS's own tools are given, in this order: of two
    /// entries for a host the first counts.
    ///
    /// - Parameters:
    ///   - file: named by the operator; nil looks where it usually is.
    ///   - contents: the bytes of a file; nil if it does not exist.
    package init(
        file: String?, _ environment: [String: String], contents: CredentialPlaces.Contents
    ) throws(CommandProblem) {
        var found: [String: RegistryHost] = [:]
        let named = file ?? environment["WEIR_HOSTS_FILE"].flatMap { $0.isEmpty ? nil : $0 }
        let usual = Self.usualFiles(environment)
        for path in named.map({ [$0] }) ?? usual {
            guard let bytes = try contents(path) else {
                if named != nil { throw CommandProblem("the file of hosts '\(path)' does not exist") }
                continue
            }
            for host in try Self.hosts(in: bytes, of: path) { found[host.name] = found[host.name] ?? host }
            break
        }
        let endpoint = ["AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL"].compactMap { environment[$0] }.first { !$0.isEmpty }
        for host in try Self.hosts(listed: environment["WEIR_HOSTS"] ?? "", endpoint) + Self.host(of: endpoint) {
            found[host.name] = found[host.name] ?? host
        }
        guard found.count <= Self.most else { throw CommandProblem("there are more than \(Self.most) hosts") }
        all = found.values.sorted { $0.name < $1.name }
        places = "WEIR_HOSTS, " + (named.map { "'\($0)'" } ?? usual.map { "'\($0)'" }.joined(separator: ", "))
    }

    /// The host of this very name: no other case, port or spelling.
    package subscript(_ name: String) -> RegistryHost? { all.first { $0.name.utf8.elementsEqual(name.utf8) } }

    private static func usualFiles(_ environment: [String: String]) -> [String] {
        let set = environment["XDG_CONFIG_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        let folder = set ?? environment["HOME"].flatMap { $0.isEmpty ? nil : "\($0)/.config" }
        return [folder.map { "\($0)/weir/hosts.json" }, "/etc/weir/hosts.json"].compactMap { $0 }
    }

    private static func hosts(in bytes: [UInt8], of path: String) throws(CommandProblem) -> [RegistryHost] {
        let document: JSONValue
        do throws(JSONError) { document = try JSONValue(parsing: bytes) } catch {
            throw CommandProblem("the file of hosts '\(path)' is no JSON: \(error)")
        }
        guard case .object(let top) = document, top.count == 1, case .object(let hosts)? = top["hosts"], hosts.count <= most
        else {
            throw CommandProblem(
                #"the file of hosts '\#(path)' has another form: {"hosts": {"HOST": {"endpoint": "https://…"}}}"#)
        }
        var found: [RegistryHost] = []
        for (name, value) in hosts.sorted(by: { $0.key < $1.key }) {
            do throws(CommandProblem) { found.append(try host(name, value)) } catch {
                throw CommandProblem("the file of hosts '\(path)': \(Quoted.text(name)) \(error)")
            }
        }
        return found
    }

    private static func host(_ name: String, _ value: JSONValue) throws(CommandProblem) -> RegistryHost {
        guard case .object(let members) = value else { throw CommandProblem("is no object: {} takes what is usual") }
        var texts: [String: String] = [:]
        for (member, value) in members {
            guard Self.members.contains(member), case .string(let text) = value, !text.isEmpty else {
                let known = Self.members.sorted().joined(separator: ", ")
                throw CommandProblem("has a member \(Quoted.text(member)) that is not understood. There are, as text: \(known)")
            }
            texts[member] = text
        }
        var host = try RegistryHost(name, endpoint: texts["endpoint"])
        host.region = texts["region"] ?? host.region
        host.authority = texts["ca"]
        host.profile = texts["profile"]
        host.credentialsFile = texts["credentials"]
        return host
    }

    /// `HOST`, which is at the endpoint where one is given, or `HOST=URL`; several with spaces or commas between them.
    private static func hosts(listed text: String, _ endpoint: String?) throws(CommandProblem) -> [RegistryHost] {
        let items = text.split(maxSplits: most) { $0 == "," || $0.isWhitespace }
        var found: [RegistryHost] = []
        for item in items {
            let parts = item.split(separator: "=", maxSplits: 1).map(String.init)
            do throws(CommandProblem) {
                found.append(try RegistryHost(parts.first ?? "", endpoint: parts.dropFirst().first ?? endpoint))
            } catch { throw CommandProblem("WEIR_HOSTS: \(Quoted.text(String(item))) \(error)") }
        }
        return found
    }

    /// The endpoint's own host; none where it cannot be one, such as a URL with a path.
    private static func host(of endpoint: String?) -> [RegistryHost] {
        guard let endpoint, let scheme = endpoint.firstRange(of: "://") else { return [] }
        let rest = endpoint[scheme.upperBound...]
        let name = rest.hasSuffix("/") ? rest.dropLast() : rest
        return (try? RegistryHost(String(name), endpoint: endpoint)).map { [$0] } ?? []
    }
}
