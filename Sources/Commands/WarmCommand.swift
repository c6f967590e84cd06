import ArgumentParser
import Glibc
import WeirCore

/// `weir warm`: fetches images ahead of their first pull.
struct WarmCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "warm", abstract: "Fetch images whole through the cache of a running server, before anybody pulls them.",
        discussion: "An image is REPOSITORY[:TAG][@DIGEST], or with the upstream's host in front: docker.io/library/alpine:3.")

    @Argument(help: .init("Images.", valueName: "image"))
    var images: [String] = []
    @Option(
        name: .customLong("platform"),
        help: .init("Of multi-platform images only this platform. May be repeated.", valueName: "os/arch[/variant]"))
    var platforms: [String] = []
    @Option(
        help: .init(
            "A file with an image on each line; - is standard input. Empty lines and what begins with # do not count.",
            valueName: "file"))
    var fromFile: String?
    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard !images.isEmpty || fromFile != nil else { throw ValidationError("Name an image, or --from-file FILE.") }
    }

    func run() async throws {
        try await server.speaking { client in
            let names = (images + (try listed())).map { $0.withoutHost(client.host) }
            guard !names.isEmpty else { throw CommandProblem("the file names no image") }
            var asked: [JSONValue] = []
            // The API takes at most 1,000 images per call.
            for start in stride(from: 0, to: names.count, by: 1_000) {
                let part = names[start..<min(start + 1_000, names.count)]
                asked.append(
                    .members([
                        "images": .array(part.map { .string($0) }),
                        "platforms": platforms.isEmpty ? nil : .array(platforms.map { .string($0) }),
                    ]))
            }
            var hasFailed = false
            for input in asked {
                let started = try await client.call("StartWarm", input)["warm"] ?? .null
                let job = try await RunFollower(client: client).follow(
                    started, by: "DescribeWarm", idMember: "warmId", member: "warm", Self.progress)
                server.show(job) { Self.text(job) }
                hasFailed = hasFailed || job.text(of: "status") != "DONE"
            }
            if hasFailed { throw ExitCode.failure }
        }
    }

    private func listed() throws -> [String] {
        guard let fromFile else { return [] }
        let bytes =
            fromFile == "-"
            ? try CommandFile.contents(of: STDIN_FILENO, named: "standard input") : try CommandFile.contents(of: fromFile)
        guard let bytes else { throw CommandProblem("the file '\(fromFile)' is not there") }
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).compactMap { line in
            let name = line.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            return name.isEmpty || name.hasPrefix("#") ? nil : name
        }
    }

    /// A warm-up's progress, as one line.
    static func progress(_ job: JSONValue) -> String {
        let images = job.list("images")
        let done = images.count { ["DONE", "FAILED"].contains($0.text(of: "status") ?? "") }
        func sum(_ name: String) -> Int64 { images.map { $0.count(of: name) }.total }
        return "\(done) of \(images.count) images, \(sum("blobsDone")) of \(sum("blobs")) blobs, "
            + "\(Shown.bytes(sum("bytesDone"))) of \(Shown.bytes(sum("bytes")))"
    }

    private static func text(_ job: JSONValue) -> String {
        Table(
            [["IMAGE", "STATE", "BLOBS", "BYTES", "DIGEST"]]
                + job.list("images").map { image in
                    let reference = image.text(of: "reference") ?? ""
                    return [
                        (image.text(of: "repositoryName") ?? "") + (reference.contains(":") ? "@" : ":") + reference,
                        (image.text(of: "status") ?? "").lowercased(),
                        "\(image.count(of: "blobsDone"))/\(image.count(of: "blobs"))", Shown.bytes(image.count(of: "bytesDone")),
                        image.text(of: "failure") ?? image.text(of: "digest") ?? "",
                    ]
                }
        ).text(within: nil)
    }
}

extension String {
    /// The image's name without the server's own host, which `docker` puts in front.
    func withoutHost(_ host: String) -> String { hasPrefix(host + "/") ? String(dropFirst(host.count + 1)) : self }
}
