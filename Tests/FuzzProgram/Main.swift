import ArgumentParser
import CPlatform
import Foundation
import Fuzz
import Glibc

/// `make fuzz`, the half that calls the parsers in process. A driver starts workers, which die where a parser traps, and restarts
/// them.
@main
struct FuzzCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir-fuzz", abstract: "Calls every parser of foreign bytes with inputs that nobody would send.",
        discussion: "What is found lies in FOLDER/found and is run with --one TARGET --input FILE.")

    @Option(help: "How long.") var seconds = 600
    @Option(help: "Workers side by side. (default: one for each processor)") var jobs: Int?
    @Option(help: "Another seed, other inputs.") var seed: UInt64?
    @Option(help: "Where inputs that did something new are kept from run to run.") var folder = ".fuzz"
    @Option(help: "These targets alone. May be repeated.") var only: [String] = []
    @Option(help: "Runs this target once, on --input.") var one: String?
    @Option(help: "A file.") var input: String?
    @Option(help: .hidden) var worker: Int?
    @Option(help: .hidden) var skip: [String] = []

    func run() async throws {
        let targets = try await FuzzTarget.all()
        if let one {
            guard let target = targets.first(where: { $0.name == one }), let input else {
                throw ValidationError(
                    "--one names a target, --input its file. Targets: \(targets.map(\.name).joined(separator: ", "))")
            }
            weir_tell_of_death()
            _ = target.run(Array(try Data(contentsOf: URL(fileURLWithPath: input))))
            return
        }
        let seed = seed ?? UInt64(Date().timeIntervalSince1970)
        let chosen = targets.enumerated().filter {
            (only.isEmpty || only.contains($0.element.name)) && !skip.contains($0.element.name)
        }
        guard !chosen.isEmpty else {
            throw ValidationError("no such target. Targets: \(targets.map(\.name).joined(separator: ", "))")
        }
        let kept = Corpus(folder: folder)
        if let worker {
            weir_tell_of_death()
            Worker(number: worker, chosen: chosen.map { ($0.offset, $0.element) }, seed: seed, corpus: kept).run()
        }
        let driver = Driver(
            targets: targets, corpus: kept, seed: seed, jobs: jobs ?? ProcessInfo.processInfo.activeProcessorCount, only: only)
        guard driver.run(for: seconds) else { throw ExitCode.failure }
    }
}
