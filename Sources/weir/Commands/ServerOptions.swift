import ArgumentParser
import Foundation
import WeirWeb

/// Which server a command speaks to, in whose name, and how it shows what it hears.
struct ServerOptions: ParsableArguments {
    enum Output: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(help: "The server's URL. (default: AWS_ENDPOINT_URL_ECR, AWS_ENDPOINT_URL, or http://localhost:5050)")
    var endpoint: String?
    @Option(help: "The server's data folder: for its credentials and its authority. (default: ./weir-data)")
    var data: String?
    @Option(help: "The registry's region. (default: AWS_REGION, the credentials file's, or us-east-1)")
    var region: String?
    @Option(help: "A PEM file with the authority to trust. (default: AWS_CA_BUNDLE, or DATA/tls/ca.crt)")
    var ca: String?
    @Option(help: "text or json. (default: text)")
    var output = Output.text

    /// Where the server's folder is if it is here.
    private var folder: String { data ?? ProcessInfo.processInfo.environment["WEIR_DATA"] ?? "weir-data" }

    func client() throws -> OperatorClient {
        let environment = ProcessInfo.processInfo.environment
        let url = endpoint ?? environment["AWS_ENDPOINT_URL_ECR"] ?? environment["AWS_ENDPOINT_URL"] ?? "http://localhost:5050"
        let credentials = try OperatorCredentials.find(folder: data ?? folder, isFolderNamed: data != nil, environment)
        let made = "\(folder)/tls/ca.crt"
        let authority =
            ca ?? environment["AWS_CA_BUNDLE"] ?? (FileManager.default.isReadableFile(atPath: made) ? made : nil)
        return try OperatorClient(
            endpoint: url, credentials: credentials,
            region: region ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? credentials.region
                ?? "us-east-1",
            authority: authority)
    }

    /// Runs a command's body and says what went wrong as a person reads it.
    func speaking(_ body: (OperatorClient) async throws -> Void) async throws {
        let client: OperatorClient
        do { client = try self.client() } catch let problem as StartProblem { throw Self.end(problem.description) }
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(client)) } catch { outcome = .failure(error) }
        await client.close()
        switch outcome {
        case .success: return
        case .failure(let exit as ExitCode): throw exit
        case .failure(let problem as StartProblem): throw Self.end(problem.description)
        case .failure(let refused as OperatorRefusal): throw Self.end(refused.description)
        case .failure(let error): throw Self.end("\(error)")
        }
    }

    /// Prints the answer whole where JSON is wanted, else what `text` makes of it.
    func show(_ answer: JSONValue, _ text: () -> String) {
        let shown = output == .json ? answer.text : text()
        try? FileHandle.standardOutput.write(
            contentsOf: Data((shown.hasSuffix("\n") || shown.isEmpty ? shown : shown + "\n").utf8))
    }

    private static func end(_ sentence: String) -> ExitCode {
        try? FileHandle.standardError.write(contentsOf: Data("weir: \(sentence)\n".utf8))
        return .failure
    }
}
