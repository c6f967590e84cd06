import WeirCore

/// The options of a cache rule beyond ECR's API: what each is called on the command line, in the API, and to people.
package enum RuleOption: String, CaseIterable, Sendable {
    case freshness
    case referrersFreshness = "referrers-freshness"
    case pin
    case fetch
    case platform
    case tags
    case connections
    case requestsPerSecond = "requests-per-second"
    case bytesPerSecond = "bytes-per-second"
    case plainHTTP = "plain-http"
    case pathPrefix = "path-prefix"

    /// The member of the API's objects.
    package var member: String {
        switch self {
        case .freshness: "freshnessSeconds"
        case .referrersFreshness: "referrersFreshnessSeconds"
        case .pin: "pinnedTags"
        case .fetch: "fetch"
        case .platform: "platforms"
        case .tags: "tags"
        case .connections: "connections"
        case .requestsPerSecond: "requestsPerSecond"
        case .bytesPerSecond: "bytesPerSecond"
        case .plainHTTP: "plainHTTP"
        case .pathPrefix: "pathPrefix"
        }
    }

    /// The option that is meant: by its name on the command line, with or without its dashes, or by the API's.
    ///
    /// Throws with all names where it is none of them.
    package init(named text: String) throws(CommandProblem) {
        let name = text.hasPrefix("--") ? String(text.dropFirst(2)) : text
        let found = Self.allCases.first { $0.rawValue == name || $0.member == name }
        guard let found else {
            let names = Self.allCases.map(\.rawValue)
            let question = Nearest.question(name, of: names + Self.allCases.map(\.member))
            throw CommandProblem(
                "there is no such option\(question.isEmpty ? "." : question) There are: \(names.joined(separator: ", "))")
        }
        self = found
    }

    private var words: String {
        switch self {
        case .freshness: "freshness"
        case .referrersFreshness: "freshness of referrers"
        case .pin: "pinned tags"
        case .fetch: "fetched of lists"
        case .platform: "platforms"
        case .tags: "lists of tags"
        case .connections: "requests at a time"
        case .requestsPerSecond: "requests a second"
        case .bytesPerSecond: "bytes a second"
        case .plainHTTP: "plain http"
        case .pathPrefix: "path before /v2/"
        }
    }

    /// What is set of a rule, in words: a name and a value for each option.
    ///
    /// - Parameter options: the member `options` of the API's rule.
    static func rows(_ options: JSONValue) -> [[String]] {
        allCases.compactMap { option in option.shown(options).map { [option.words, $0] } }
    }

    private func shown(_ options: JSONValue) -> String? {
        let number = options.number(of: member)
        switch self {
        case .freshness: return number.map { Shown.exact(Int64(saturating: $0)) } ?? "the server's own (--freshness)"
        case .referrersFreshness: return number.map { Shown.exact(Int64(saturating: $0)) } ?? "6 h"
        case .pin:
            let tags = options.texts(member)
            return tags.isEmpty ? "none" : tags.joined(separator: " ")
        case .fetch:
            return switch options.text(of: member) {
            case "all": "everything that they name"
            case "platforms": options.texts(Self.platform.member).joined(separator: " ") + ", and what clients ask for"
            default: "what clients ask for"
            }
        // Told with what is fetched.
        case .platform: return nil
        case .tags: return options.text(of: member) == "merged" ? "with upstream's" : "what is here"
        case .connections: return number.map { "\(Int64(saturating: $0)) at most" } ?? "the server's own"
        case .requestsPerSecond:
            return number.map { "\($0 == $0.rounded() ? "\(Int64(saturating: $0))" : "\($0)") at most" } ?? "no limit"
        case .bytesPerSecond: return number.map { "\(Shown.bytes(Int64(saturating: $0))) at most" } ?? "no limit"
        case .plainHTTP: return options.flag(member) ? "yes" : "no"
        case .pathPrefix: return options.text(of: member) ?? "none"
        }
    }
}
