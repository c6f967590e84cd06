import ArgumentParser
import Glibc
import WeirCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The server and the identity of a command's calls, and the form of its output.
struct ServerOptions: ParsableArguments {
    enum Output: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(
        help: .init(
            "The server's URL. (default: AWS_ENDPOINT_URL_ECR, AWS_ENDPOINT_URL, or http://localhost:5050)", valueName: "url"))
    var endpoint: String?
    @Option(
        help: .init(
            "The server's data folder: for its credentials and its authority. (default: ./weir-data)", valueName: "folder"))
    var data: String?
    @Option(
        help: .init("The registry's region. (default: AWS_REGION, the credentials file's, or us-east-1)", valueName: "name"))
    var region: String?
    @Option(
        help: .init("A PEM file with the authority to trust. (default: AWS_CA_BUNDLE and DATA/tls/ca.crt)", valueName: "file"))
    var ca: String?
    @Option(help: .init("How answers are shown. (default: text)", valueName: "text|json"))
    var output = Output.text

    func client() throws(CommandProblem) -> OperatorClient {
        let environment = ProcessInfo.processInfo.environment
        // The server's data folder, if the server runs on this machine.
        let folder = data ?? environment["WEIR_DATA"] ?? "weir-data"
        let url = endpoint ?? environment["AWS_ENDPOINT_URL_ECR"] ?? environment["AWS_ENDPOINT_URL"] ?? "http://localhost:5050"
        let credentials = try OperatorCredentials.find(
            folder: folder, isFolderNamed: data != nil, environment, contents: CommandFile.contents)
        let made = "\(folder)/tls/ca.crt"
        let authorities =
            ca.map { [$0] } ?? [environment["AWS_CA_BUNDLE"], access(made, R_OK) == 0 ? made : nil].compactMap { $0 }
        return try OperatorClient(
            endpoint: url, credentials: credentials,
            region: region ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? credentials.region
                ?? "us-east-1",
            authorities: authorities)
    }

    /// Runs a command's body, and turns its errors into messages for the operator.
    func speaking(_ body: (OperatorClient) async throws -> Void) async throws {
        let client: OperatorClient
        do throws(CommandProblem) { client = try self.client() } catch { throw Self.end(error.description) }
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(client)) } catch { outcome = .failure(error) }
        await client.close()
        switch outcome {
        case .success: return
        case .failure(let exit as ExitCode): throw exit
        case .failure(let error): throw Self.end("\(error)")
        }
    }

    /// Prints the whole answer in JSON output, else the result of `text`.
    func show(_ answer: JSONValue, _ text: () -> String) {
        let shown = output == .json ? answer.text : text()
        Terminal.show(shown.hasSuffix("\n") || shown.isEmpty ? shown : shown + "\n")
    }

    private static func end(_ sentence: String) -> ExitCode {
        Terminal.tell("weir: \(sentence)\n")
        return .failure
    }
}

/// Reads files for commands.
enum CommandFile {
    /// In bytes: more than any credentials file or list of images.
    private static let limit = 16 << 20

    /// The file's bytes; nil only if it does not exist. Throws with the reason if it exists and cannot be read.
    static func contents(of path: String) throws(CommandProblem) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code = errno
            // A link to an unmounted volume counts as existing and unreadable.
            var status = stat()
            if code == ENOENT || code == ENOTDIR, lstat(path, &status) != 0 { return nil }
            throw CommandProblem("'\(path)' cannot be read: \(String(cString: strerror(code)))")
        }
        defer { close(descriptor) }
        return try contents(of: descriptor, named: "'\(path)'")
    }

    /// Reads to the end.
    ///
    /// - Parameter name: the input's name in error messages.
    static func contents(of descriptor: CInt, named name: String) throws(CommandProblem) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= limit {
            let count = read(descriptor, &chunk, chunk.count)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw CommandProblem("\(name) cannot be read: \(String(cString: strerror(errno)))")
            }
            bytes += chunk[..<count]
        }
        throw CommandProblem("\(name) is longer than \(limit >> 20) MiB")
    }
}
