import Foundation

/// A Swift file of the house, for rules that read it as text.
struct SourceFile: CustomStringConvertible, Sendable {
    /// `Core`, `weir`: the folder below `Sources`.
    let room: String
    /// `Core/Names/Tag.swift`
    let path: String
    /// As written, from line 1.
    let lines: [String]
    /// The lines without what comes after `//`. A `//` in a string stays.
    let code: [String]

    init(room: String, path: String, lines: [String]) {
        self.room = room
        self.path = path
        self.lines = lines
        code = lines.map(Self.withoutComment)
    }

    var description: String { path }
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// The SQL of a table (`…Table.swift`), not how something is shown (`Commands`) or kept in memory (`Upstream`).
    var isTable: Bool { name.hasSuffix("Table.swift") && ["Identity", "Registry", "Vault"].contains(room) }
    /// Where SQL may stand.
    var holdsSQL: Bool { isTable || name.hasSuffix("Queries.swift") || name.hasSuffix("Schema.swift") }

    /// Every `.swift` file below `Sources`.
    static let all: [SourceFile] = {
        let sources = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Sources").path
        let paths = (try? FileManager.default.subpathsOfDirectory(atPath: sources)) ?? []
        return paths.filter { $0.hasSuffix(".swift") }.sorted().compactMap { path in
            guard let text = try? String(contentsOfFile: sources + "/" + path, encoding: .utf8) else { return nil }
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            return SourceFile(room: String(path.prefix { $0 != "/" }), path: path, lines: lines)
        }
    }()

    /// The modules it imports, with their lines.
    var imports: [(line: Int, module: String)] {
        lines.enumerated().compactMap { index, line -> (line: Int, module: String)? in
            let words = line.split(separator: " ")
            guard let at = words.firstIndex(of: "import"), at < words.count - 1,
                words[..<at].allSatisfy({ $0.hasPrefix("@") || Self.accessLevels.contains(String($0)) })
            else { return nil }
            // `import struct NIOCore.ByteBuffer` names the module before the dot.
            let kind = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
            let module = words[(at + 1)...].first(where: { !kind.contains(String($0)) }) ?? ""
            return (index + 1, String(module.prefix { $0 != "." && $0 != ";" }))
        }
    }

    private static let accessLevels: Set = ["package", "internal", "private", "fileprivate", "public"]

    private static func withoutComment(_ line: String) -> String {
        let bytes = Array(line.utf8)
        let quote = UInt8(ascii: "\"")
        let slash = UInt8(ascii: "/")
        var isText = false
        for at in bytes.indices {
            let isEscaped = at > 0 && bytes[at - 1] == UInt8(ascii: "\\")
            if bytes[at] == quote, !isEscaped { isText.toggle() }
            if bytes[at] == slash, !isText, at + 1 < bytes.count, bytes[at + 1] == slash {
                return String(decoding: bytes[..<at], as: UTF8.self)
            }
        }
        return line
    }

    /// Every line of code in which `pattern` is found. `^` and `$` are a line's ends.
    func lines(matching pattern: String, withComments: Bool = false) throws -> [Finding] {
        // Foundation's expressions over the whole file: Swift's own are ten times slower, and this reads everything.
        let expression = try NSRegularExpression(pattern: pattern, options: .anchorsMatchLines)
        let text = (withComments ? lines : code).joined(separator: "\n")
        var found: [Int] = []
        for match in expression.matches(in: text, range: NSRange(text.startIndex..., in: text)) {
            guard let range = Range(match.range, in: text) else { continue }
            // `^\s*` may begin on the blank lines above.
            let head = text.utf8[..<range.upperBound]
            let line = head.count { $0 == UInt8(ascii: "\n") }
            if found.last != line { found.append(line) }
        }
        return found.map { Finding(file: self, line: $0 + 1, text: lines[$0].trimmingCharacters(in: .whitespaces)) }
    }
}

struct Finding: CustomStringConvertible {
    let file: SourceFile
    let line: Int
    let text: String

    var description: String { "Sources/\(file.path):\(line): \(text)" }
}

extension [SourceFile] {
    func lines(matching pattern: String, withComments: Bool = false) throws -> [Finding] {
        try flatMap { try $0.lines(matching: pattern, withComments: withComments) }
    }
}

extension [Finding] {
    /// One a line, for a failure's comment.
    var listed: String { map { "\n  " + $0.description }.joined() }
}
