import Foundation
import Fuzz
import Glibc

/// Keeps the workers running, and reports what ended them.
final class Driver {
    /// Seconds after which a run counts as hanging.
    private static let patience = 20.0
    /// After this many findings a target is no longer run: it would find the same again.
    private static let enough = 5

    private let targets: [FuzzTarget]
    private let corpus: Corpus
    private let seed: UInt64
    private let jobs: Int
    private let only: [String]
    private let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()

    private var finds: [String: Int] = [:]
    private var places: Set<String> = []
    private var executions = 0
    private var counts: [Int: Int] = [:]

    init(targets: [FuzzTarget], corpus: Corpus, seed: UInt64, jobs: Int, only: [String]) {
        (self.targets, self.corpus, self.seed, self.jobs, self.only) = (targets, corpus, seed, jobs, only)
    }

    private struct Running {
        var process: Process
        var recorder: FlightRecorder
        var seen = -1
        var since = Date()
    }

    /// False where something was found.
    func run(for seconds: Int) -> Bool {
        print("weir-fuzz: \(targets.count) targets, \(jobs) workers, \(seconds) s, seed \(seed)")
        let began = Date()
        var round = 0
        var workers = (0..<jobs).map { start($0, round) }
        while Date().timeIntervalSince(began) < Double(seconds) {
            Thread.sleep(forTimeInterval: 0.2)
            for number in workers.indices {
                if workers[number].process.isRunning {
                    let now = workers[number].recorder.executions
                    if now != workers[number].seen { (workers[number].seen, workers[number].since) = (now, Date()) }
                    guard Date().timeIntervalSince(workers[number].since) > Self.patience else { continue }
                    end(workers[number])
                    tell(number, workers[number], what: "hangs")
                } else {
                    tell(number, workers[number], what: "ends the process")
                }
                count(workers[number])
                round += 1
                workers[number] = start(number, round)
            }
        }
        for worker in workers {
            end(worker)
            count(worker)
        }
        summary(Date().timeIntervalSince(began))
        return finds.isEmpty
    }

    private func start(_ number: Int, _ round: Int) -> Running {
        let recorder = corpus.recorder(of: number)
        recorder.clear()
        let process = Process()
        process.executableURL = program
        process.arguments =
            ["--worker", "\(number)", "--seed", "\(seed &+ UInt64(round) &* 7_919)", "--folder", corpus.folder.path]
            + only.flatMap { ["--only", $0] }
            + finds.filter { $0.value >= Self.enough }.flatMap { ["--skip", $0.key] }
        // Only the process's own last line is read here; the longer report of Swift's runtime takes seconds.
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { _, new in new }
        _ = FileManager.default.createFile(atPath: corpus.log(of: number).path, contents: nil)
        process.standardError = FileHandle(forWritingAtPath: corpus.log(of: number).path)
        do { try process.run() } catch { fatalError("no worker can be started: \(error)") }
        return Running(process: process, recorder: recorder)
    }

    private func end(_ worker: Running) {
        kill(worker.process.processIdentifier, SIGKILL)
        worker.process.waitUntilExit()
    }

    private func count(_ worker: Running) {
        executions += worker.recorder.executions
        for place in targets.indices { counts[place, default: 0] += worker.recorder.executions(of: place) }
    }

    private func tell(_ number: Int, _ worker: Running, what: String) {
        let (place, input) = worker.recorder.last
        let log = (try? String(contentsOf: corpus.log(of: number), encoding: .utf8)) ?? ""
        guard worker.recorder.executions > 0, targets.indices.contains(place) else {
            fatalError("a worker ended before its first run:\n\(log.suffix(2000))")
        }
        let target = targets[place]
        let lines = log.split(separator: "\n").suffix(3).joined(separator: "\n    ")
        finds[target.name, default: 0] += 1
        // The same place again is no new finding.
        let at = Self.place(in: log) ?? what
        guard places.insert("\(target.name) \(at)").inserted else { return }
        let file = corpus.keep(found: input, of: target.name)
        let small = what == "hangs" ? input : smaller(input, of: target)
        if small != input { corpus.keep(found: small, of: target.name) }
        print(
            """
            FOUND \(target.name) \(what): \(file.path)
                \(lines)
                smallest input (\(small.count) bytes): \(Self.shown(small))
            """)
    }

    /// The place where the process died, from its own last line.
    private static func place(in log: String) -> String? {
        guard let line = log.split(separator: "\n").last, let mark = line.firstRange(of: ") at ") else { return nil }
        return String(line[mark.upperBound...].prefix { character in character != "," })
    }

    /// Leaves out pieces as long as the process still dies. Crude, and bounded.
    private func smaller(_ input: [UInt8], of target: FuzzTarget) -> [UInt8] {
        var best = input, piece = max(input.count / 2, 1), tries = 0
        while piece >= 1, tries < 300 {
            var start = 0
            while start < best.count, tries < 300 {
                var candidate = best
                candidate.removeSubrange(start..<min(start + piece, best.count))
                tries += 1
                if dies(candidate, target) { best = candidate } else { start += piece }
            }
            piece = piece == 1 ? 0 : piece / 2
        }
        return best
    }

    private func dies(_ input: [UInt8], _ target: FuzzTarget) -> Bool {
        let file = corpus.folder.appending(path: "run/candidate")
        try? Data(input).write(to: file)
        let process = Process()
        process.executableURL = program
        process.arguments = ["--one", target.name, "--input", file.path]
        process.standardError = FileHandle.nullDevice
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { _, new in new }
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationReason == .uncaughtSignal
    }

    private func summary(_ seconds: Double) {
        for (place, target) in targets.enumerated() {
            let count = counts[place] ?? 0
            guard count > 0 else { continue }
            print(
                "  \(target.name): \(count) runs, \(corpus.inputs(of: target.name).count) kept\(finds[target.name].map { ", FOUND \($0)" } ?? "")"
            )
        }
        print(
            "weir-fuzz: \(executions) executions in \(Int(seconds)) s, \(Int(Double(executions) / seconds)) a second; found: \(places.count)"
        )
    }

    private static func shown(_ bytes: [UInt8]) -> String {
        let text = bytes.prefix(400).map {
            (0x20..<0x7f).contains($0) ? String(UnicodeScalar($0)) : "\\x" + String(Int($0) + 0x100, radix: 16).dropFirst()
        }
        return text.joined() + (bytes.count > 400 ? "…" : "")
    }
}
