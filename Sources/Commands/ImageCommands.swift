import ArgumentParser
import WeirCore

/// `weir refresh`: revalidates a tag upstream now.
struct RefreshCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "refresh", abstract: "Ask upstream about a tag now, whatever its window, and fetch what is new.")

    @Argument(help: .init("The image.", valueName: "repository[:tag]"))
    var image: String
    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await server.speaking { client in
            let answer = try await client.call("RefreshImage", ["image": .string(image.withoutHost(client.host))])
            server.show(answer) {
                let after = answer.text(of: "after") ?? ""
                return switch answer.text(of: "change") {
                case "unchanged": "unchanged: \(after)"
                case "updated": "updated: \(answer.text(of: "before") ?? "") is now \(after)"
                case "kept": "kept: \(after) stays, because it was pushed here or the tag may not move"
                default: "fetched: \(after)"
                }
            }
        }
    }
}

/// `weir lifecycle`: runs lifecycle policies now.
struct LifecycleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lifecycle", abstract: "Carry out lifecycle policies now: of one repository, or of all that have one.")

    @Argument(help: "A repository. (default: all)")
    var repository: String?
    @Flag(help: "Only tell what would be done.")
    var dryRun = false
    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await server.speaking { client in
            let answer = try await client.call(
                "RunLifecycle",
                .members(["repositoryName": repository.map { .string($0) }, "dryRun": .bool(dryRun)]))
            server.show(answer) { Self.text(answer) }
            if !answer.list("failures").isEmpty { throw ExitCode.failure }
        }
    }

    private static func text(_ answer: JSONValue) -> String {
        var rows = [["REPOSITORY", "IMAGE", "TAGS", "ACTION", "RULE"]]
        for run in answer.list("runs") {
            let name = run.text(of: "repositoryName") ?? ""
            for step in run.list("actions") {
                rows.append([
                    name, step.text(of: "imageDigest") ?? "", step.texts("imageTags").joined(separator: ","),
                    (step.text(of: "action") ?? "").lowercased(), "\(step.count(of: "rulePriority"))",
                ])
            }
            for kept in run.list("kept") {
                rows.append([
                    name, kept.text(of: "imageDigest") ?? "", "", "kept: \(kept.text(of: "reason") ?? "")",
                    "\(kept.count(of: "rulePriority"))",
                ])
            }
        }
        let failures = answer.list("failures").map { failure in
            "\(failure.text(of: "repositoryName") ?? ""): \(failure.text(of: "reason") ?? "")\n"
        }
        let nothing = rows.count == 1
        if nothing, !failures.isEmpty { return failures.joined() }
        return
            (nothing
            ? "Nothing to do in \(answer.list("runs").count) repositories with a policy.\n" : Table(rows).text(within: nil))
            + failures.joined()
    }
}
