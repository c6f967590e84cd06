import ArgumentParser
import WeirCore

/// `weir why`: what a pull would do now, or what a principal may do.
struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Say what a pull of an image would do now, or whether a principal may do something, and why.",
        usage: """
            weir why <repository[:tag][@digest]> [--offline] [--as <principal>]
            weir why <principal> <action> <resource> [--context <key=value> ...]
            """,
        discussion: """
            A principal is root, user/NAME, role/NAME, role/NAME/SESSION, or an ARN. An action is written as in a policy, such as
            ecr:BatchGetImage; a resource is an ARN, the name of a repository, or *. The decision is made by the policies that would decide a
            request of this moment from this machine's address; --context sets condition keys otherwise. Nothing is done. It ends with 1 where
            the answer is no.
            """)

    @Argument(
        help: .init("The image; or the principal, the action and the resource.", valueName: "image|principal action resource"))
    var words: [String]
    @Flag(help: "Do not ask upstream.")
    var offline = false
    @Option(name: .customLong("as"), help: .init("Whether this principal may pull the image.", valueName: "principal"))
    var principal: String?
    @Option(help: .init("A condition key of the request. Several of one key are all its values.", valueName: "key=value"))
    var context: [String] = []
    @OptionGroup var server: ServerOptions

    func validate() throws {
        switch words.count {
        case 1:
            guard context.isEmpty || principal != nil else {
                throw ValidationError("--context is for a principal: weir why IMAGE --as PRINCIPAL")
            }
            guard !offline || principal == nil else {
                throw ValidationError("With --as upstream is not asked in any case.")
            }
        case 3:
            guard principal == nil, !offline else { throw ValidationError("--as and --offline are for an image.") }
        default: throw ValidationError("Name an image, or a principal, an action and a resource.")
        }
        _ = try Self.values(context)
    }

    func run() async throws {
        try await server.speaking { client in
            if words.count == 3 {
                try await decide(
                    [
                        "principal": .string(words[0]), "action": .string(words[1]), "resource": .string(words[2]),
                    ], client)
                return
            }
            let image = words[0].withoutHost(client.host)
            if let principal {
                try await decide(["principal": .string(principal), "image": .string(image)], client)
            } else {
                try await explain(image, client)
            }
        }
    }

    private func decide(_ question: [String: JSONValue], _ client: OperatorClient) async throws {
        var input = question
        let values = try Self.values(context)
        if !values.isEmpty { input["context"] = .object(values.mapValues { .array($0.map { .string($0) }) }) }
        let answer = try await client.call("ExplainAuthorization", .object(input))
        server.show(answer) { IdentityText.decisions(answer) }
        if !answer.list("decisions").allSatisfy({ $0.flag("allowed") }) { throw ExitCode.failure }
    }

    private func explain(_ image: String, _ client: OperatorClient) async throws {
        let answer = try await client.call("ExplainImage", ["image": .string(image), "askUpstream": .bool(!offline)])
        server.show(answer) { IdentityText.pull(answer) }
        if answer.text(of: "decision") == "refuse" { throw ExitCode.failure }
    }

    private static func values(_ context: [String]) throws(ValidationError) -> [String: [String]] {
        var values: [String: [String]] = [:]
        for text in context {
            guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                throw ValidationError("'\(text)' is not KEY=VALUE, such as aws:SourceIp=10.0.0.7")
            }
            values[String(text[..<equals]), default: []].append(String(text[text.index(after: equals)...]))
        }
        return values
    }
}
