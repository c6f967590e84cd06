import Foundation

/// The kept inputs, in a folder for each target, and the findings.
struct Corpus {
    let folder: URL

    init(folder: String) { self.folder = URL(fileURLWithPath: folder, isDirectory: true) }

    func inputs(of target: String) -> [[UInt8]] {
        let files =
            (try? FileManager.default.contentsOfDirectory(at: place("corpus", target), includingPropertiesForKeys: nil)) ?? []
        return files.sorted { $0.path < $1.path }.compactMap { (try? Data(contentsOf: $0)).map { Array($0) } }
    }

    func keep(_ input: [UInt8], of target: String) { write(input, to: place("corpus", target)) }

    /// Keeps the input that ended a worker. Returns the file's path.
    @discardableResult func keep(found input: [UInt8], of target: String) -> URL { write(input, to: place("found", target)) }

    func recorder(of worker: Int) -> FlightRecorder { FlightRecorder(path: place("run", "worker-\(worker)").path) }

    func log(of worker: Int) -> URL { folder.appending(path: "run/worker-\(worker).log") }

    private func place(_ kind: String, _ name: String) -> URL {
        let place = folder.appending(path: kind, directoryHint: .isDirectory)
        try? FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        guard kind != "run" else { return place.appending(path: name) }
        let inner = place.appending(path: name, directoryHint: .isDirectory)
        try? FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
        return inner
    }

    @discardableResult private func write(_ input: [UInt8], to place: URL) -> URL {
        let hash = input.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        let file = place.appending(path: String(hash, radix: 16))
        try? Data(input).write(to: file)
        return file
    }
}
