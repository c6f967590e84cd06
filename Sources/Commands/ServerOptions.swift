import ArgumentParser
import Glibc
import NIOCore
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

    /// Runs a command's body, and turns its errors into messages for the operator.
    func speaking(_ body: (OperatorClient) async throws -> Void) async throws {
        let environment = ProcessInfo.processInfo.environment
        // The server's data folder, if the server runs on this machine.
        let folder = data ?? environment["WEIR_DATA"] ?? "weir-data"
        let connection: ServerConnection
        do throws(CommandProblem) { connection = try self.connection(folder, environment) } catch { throw Self.end("\(error)") }
        let outcome: Result<Void, any Error>
        do {
            let client = try await client(of: connection, folder, environment)
            outcome = .success(try await body(client))
        } catch { outcome = .failure(error) }
        await connection.close()
        switch outcome {
        case .success: return
        case .failure(let exit as ExitCode): throw exit
        case .failure(let error): throw Self.end("\(error)")
        }
    }

    private func connection(_ folder: String, _ environment: [String: String]) throws(CommandProblem) -> ServerConnection {
        let url = endpoint ?? environment["AWS_ENDPOINT_URL_ECR"] ?? environment["AWS_ENDPOINT_URL"] ?? "http://localhost:5050"
        let made = "\(folder)/tls/ca.crt"
        let authorities =
            ca.map { [$0] } ?? [environment["AWS_CA_BUNDLE"], access(made, R_OK) == 0 ? made : nil].compactMap { $0 }
        // The longest that a call may take. Longer work is started by one call and polled by others.
        return try ServerConnection(endpoint: url, authorities: authorities, timeout: .seconds(300))
    }

    private func client(
        of connection: ServerConnection, _ folder: String, _ environment: [String: String]
    ) async throws -> OperatorClient {
        let found = try CredentialPlaces(environment: environment, folder: folder, isFolderNamed: data != nil)
            .find { path throws(CommandProblem) in try CommandFile.contents(of: path) }
        let region =
            region ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? found.region ?? "us-east-1"
        let resolver = CredentialResolver(
            contents: { path throws(CommandProblem) in try CommandFile.contents(of: path) },
            run: { command throws(CommandProblem) in try CredentialProcess.run(command) }, clock: MachineClock.wall)
        let credentials = try await resolver.credentials(of: resolver.prepare(found.source), at: connection, in: region)
        return OperatorClient(connection, credentials: credentials, region: region)
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
    static let limit = 16 << 20

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
    /// - Parameters:
    ///   - name: the input's name in error messages.
    ///   - limit: in bytes.
    static func contents(
        of descriptor: CInt, named name: String, limit: Int = limit
    ) throws(CommandProblem) -> [UInt8] {
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
        throw CommandProblem("\(name) is longer than \(limit >> 10) KiB")
    }
}
