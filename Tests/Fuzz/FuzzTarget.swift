/// One parser of foreign bytes, as the fuzzer calls it.
///
/// It may refuse any input. It may not trap, and what it accepts must hold its promises: otherwise `run` ends the process
/// (`demand`).
package struct FuzzTarget: Sendable {
    package let name: String
    /// Valid inputs, and nearly valid ones.
    package let seeds: [[UInt8]]
    /// The words of its grammar.
    package let words: [String]
    /// Parses the input. The result tells kinds of outcome apart: an input with a new kind is kept and changed further.
    package let run: @Sendable ([UInt8]) -> Outcome

    init(_ name: String, seeds: [String], words: [String] = [], run: @escaping @Sendable ([UInt8]) -> Outcome) {
        self.init(name, bytes: seeds.map { Array($0.utf8) }, words: words, run: run)
    }

    init(_ name: String, bytes: [[UInt8]], words: [String] = [], run: @escaping @Sendable ([UInt8]) -> Outcome) {
        self.name = name
        seeds = bytes
        self.words = words
        self.run = run
    }

    /// For parsers of text: bytes that are no UTF-8 come repaired, as a door would pass them on.
    init(_ name: String, texts: [String], words: [String] = [], run: @escaping @Sendable (String) -> Outcome) {
        self.init(name, seeds: texts, words: words) { run(String(decoding: $0, as: UTF8.self)) }
    }

    /// All targets. Throws where the vault and the tokens that some need cannot be made.
    package static func all() async throws -> [FuzzTarget] {
        documents + names + wire + upstream + identity + (try await sealed())
    }
}

/// The outcome of an input, as far as the fuzzer tells outcomes apart.
package struct Outcome: Hashable, Sendable {
    package let value: UInt64

    /// A kind of success: a few words about what was parsed.
    static func taken(_ words: String...) -> Outcome { Outcome(text: "taken " + words.joined(separator: " ")) }

    /// A refusal: the words of its reason without the input's own text.
    static func refused(_ error: any Error) -> Outcome { Outcome(text: "\(error)") }

    static let refused = Outcome(text: "refused")

    private init(text: String) {
        // A few letters only: numbers, names and quoted text differ with every input.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        var isQuoted = false
        for byte in text.utf8.prefix(160) {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") { isQuoted.toggle() }
            guard !isQuoted, byte >= UInt8(ascii: "A") else { continue }
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        value = hash
    }
}

/// Runs a parser that throws.
func outcome(_ read: () throws -> Outcome) -> Outcome {
    do { return try read() } catch { return .refused(error) }
}

/// Ends the process, and says why in a release build too.
func demand(_ holds: Bool, _ reply: @autoclosure () -> String) {
    if !holds { fatalError(reply()) }
}
