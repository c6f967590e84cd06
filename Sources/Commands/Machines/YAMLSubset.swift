import WeirCore

/// The YAML that configurations of the kubelet are written in: block mappings and lists, plain and quoted scalars, lists of
/// scalars in brackets, comments. What else YAML has (anchors, tags, block scalars, several documents) is refused by name, and
/// never guessed.
struct YAMLSubset {
    /// Levels of indentation.
    private static let deepest = 20
    private static let mostLines = 20_000

    private struct Line {
        let number: Int
        let indent: Int
        let text: Substring
    }

    private var lines: ArraySlice<Line> = []

    /// The document as the JSON that means the same. The error names the line.
    static func parse(_ text: String) throws(CommandProblem) -> JSONValue {
        var reader = YAMLSubset()
        try reader.split(text)
        guard let first = reader.lines.first else { return .null }
        let value = try reader.block(at: first.indent, depth: 0)
        if let rest = reader.lines.first { throw problem(rest.number, "is indented otherwise than the lines above it") }
        return value
    }

    private static func problem(_ line: Int, _ text: String) -> CommandProblem { CommandProblem("line \(line) \(text)") }

    private mutating func split(_ text: String) throws(CommandProblem) {
        let raw = text.split(maxSplits: Self.mostLines, omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        guard raw.count <= Self.mostLines else { throw CommandProblem("it has more than \(Self.mostLines) lines") }
        var found: [Line] = []
        for (index, line) in raw.enumerated() {
            let text = Self.withoutComment(line)
            let content = text.drop { $0 == " " }
            guard !content.isEmpty else { continue }
            if content.first == "\t" { throw Self.problem(index + 1, "is indented with a tab, which YAML forbids") }
            if content == "---" {
                guard found.isEmpty else { throw Self.problem(index + 1, "begins a second document: one file has one") }
                continue
            }
            found.append(Line(number: index + 1, indent: text.count - content.count, text: content))
        }
        lines = found[...]
    }

    /// Without what begins at a `#` outside of quotes, and without the spaces at the end.
    private static func withoutComment(_ line: Substring) -> Substring {
        var quote: Character?
        var before: Character = " "
        var end = line.endIndex
        for index in line.indices {
            let character = line[index]
            if let open = quote {
                if character == open, before != "\\" || open == "'" { quote = nil }
            } else if character == "#", before == " " {
                end = index
                break
            } else if character == "\"" || character == "'", before == " " || before == "[" || before == "," {
                quote = character
            }
            before = character
        }
        var text = line[..<end]
        while text.last == " " { text = text.dropLast() }
        return text
    }

    private mutating func block(at indent: Int, depth: Int) throws(CommandProblem) -> JSONValue {
        guard let first = lines.first else { return .null }
        guard depth < Self.deepest else { throw Self.problem(first.number, "is more than \(Self.deepest) levels deep") }
        if Self.isItem(first.text) { return try list(at: indent, depth: depth) }
        return try mapping(at: indent, depth: depth)
    }

    private static func isItem(_ text: Substring) -> Bool { text == "-" || text.hasPrefix("- ") }

    private mutating func list(at indent: Int, depth: Int) throws(CommandProblem) -> JSONValue {
        var items: [JSONValue] = []
        while let line = lines.first, line.indent == indent, Self.isItem(line.text) {
            let content = line.text.dropFirst().drop { $0 == " " }
            if content.isEmpty {
                lines = lines.dropFirst()
                items.append(try deeper(than: indent, depth: depth))
            } else if Self.isItem(content) || Self.colon(in: content) != nil {
                // What stands behind the dash is a block of its own, indented as far as it stands.
                let inner = Line(number: line.number, indent: indent + line.text.count - content.count, text: content)
                lines[lines.startIndex] = inner
                items.append(try block(at: inner.indent, depth: depth + 1))
            } else {
                lines = lines.dropFirst()
                items.append(try Self.scalar(content, line.number))
            }
        }
        return .array(items)
    }

    private mutating func mapping(at indent: Int, depth: Int) throws(CommandProblem) -> JSONValue {
        var members: [String: JSONValue] = [:]
        while let line = lines.first, line.indent == indent, !Self.isItem(line.text) {
            guard let colon = Self.colon(in: line.text) else { throw Self.problem(line.number, "is no 'name: value'") }
            guard case .string(let name) = try Self.scalar(line.text[..<colon], line.number, isName: true), members[name] == nil
            else {
                throw Self.problem(line.number, "has a name that is there already, or is none")
            }
            let content = line.text[line.text.index(after: colon)...].drop { $0 == " " }
            lines = lines.dropFirst()
            if !content.isEmpty {
                members[name] = try Self.scalar(content, line.number)
            } else if let next = lines.first, next.indent == indent, Self.isItem(next.text) {
                members[name] = try list(at: indent, depth: depth + 1)
            } else {
                members[name] = try deeper(than: indent, depth: depth)
            }
        }
        return .object(members)
    }

    private mutating func deeper(than indent: Int, depth: Int) throws(CommandProblem) -> JSONValue {
        guard let next = lines.first, next.indent > indent else { return .null }
        return try block(at: next.indent, depth: depth + 1)
    }

    /// The colon that ends a name: one with a space or nothing behind it, outside of quotes.
    private static func colon(in text: Substring) -> Substring.Index? {
        var start = text.startIndex
        if let quote = text.first, quote == "\"" || quote == "'" {
            guard let end = text.dropFirst().firstIndex(of: quote) else { return nil }
            start = text.index(after: end)
        }
        if text.first == "[" || text.first == "{" { return nil }
        return text[start...].indices.first { index in
            text[index] == ":" && (text.index(after: index) == text.endIndex || text[text.index(after: index)] == " ")
        }
    }

    private static func scalar(_ text: Substring, _ line: Int, isName: Bool = false) throws(CommandProblem) -> JSONValue {
        switch text.first {
        case "\"":
            guard let value = try? JSONValue(parsing: text.utf8), case .string = value else {
                throw problem(line, "has a quoted text that is not understood")
            }
            return value
        case "'":
            guard text.count > 1, text.last == "'" else { throw problem(line, "has a quote that is not closed") }
            return .string(String(text.dropFirst().dropLast()).replacing("''", with: "'"))
        case "[":
            guard text.last == "]" else { throw problem(line, "has a list in brackets that goes over several lines") }
            let items = text.dropFirst().dropLast().split(separator: Character(",")).map { $0.drop { $0 == " " } }
            var values: [JSONValue] = []
            for item in items where !item.isEmpty {
                guard item.first != "[", item.first != "{" else { throw problem(line, "has lists in lists: write them in lines") }
                var item = item
                while item.last == " " { item = item.dropLast() }
                values.append(try scalar(item, line))
            }
            return .array(values)
        case "{":
            guard text == "{}" else { throw problem(line, "has a mapping in braces: write it in lines") }
            return [:]
        case "&", "*", "!", "|", ">", "@", "`", "%":
            throw problem(line, "has YAML that is not understood here (\(text.prefix(1))): write it plainly")
        default: break
        }
        if isName { return .string(String(text)) }
        switch text {
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case "null", "~": return .null
        default: return Int64(text).map { .integer($0) } ?? .string(String(text))
        }
    }
}
