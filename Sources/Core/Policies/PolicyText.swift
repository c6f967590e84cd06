/// Places in the text of a policy that has been read, by byte. What is not named keeps every byte when a part is replaced.
package struct PolicyText: Sendable {
    /// A line and a column, both from 1: what simulations tell of a statement.
    package struct Position: Sendable, Equatable {
        package let line: Int
        package let column: Int

        package init(line: Int, column: Int) {
            self.line = line
            self.column = column
        }
    }

    /// The bytes of each statement, braces included, in the order of the document.
    package private(set) var statements: [Range<Int>] = []
    /// The strings under `Principal` and `NotPrincipal` of the kind `AWS`, quotation marks included.
    private var principals: [(range: Range<Int>, text: String)] = []
    private let bytes: [UInt8]

    /// A text that is no JSON has no places.
    package init(_ text: String) {
        bytes = Array(text.utf8)
        guard JSONValue(document: text) != nil else { return }
        var scan = PolicyTextScan(bytes: bytes)
        scan.value([])
        (statements, principals) = (scan.statements, scan.principals)
    }

    /// The text with the principals of the kind `AWS` replaced: by the result for each, or not at all where that is nil.
    package func replacingPrincipals(_ replacement: (String) throws -> String?) rethrows -> String {
        var result: [UInt8] = []
        var at = 0
        for (range, text) in principals {
            guard let new = try replacement(text), new != text else { continue }
            result += bytes[at..<range.lowerBound] + Array(JSONText.quoted(new).utf8)
            at = range.upperBound
        }
        return String(decoding: result + bytes[at...], as: UTF8.self)
    }

    /// The principals of the kind `AWS`, in the order of the text.
    package var principalTexts: [String] { principals.map(\.text) }

    /// Where a byte stands. A column counts bytes.
    package func position(of offset: Int) -> Position {
        let before = bytes.prefix(offset)
        let line = before.count { $0 == UInt8(ascii: "\n") }
        let begin = before.lastIndex(of: UInt8(ascii: "\n")).map { before.distance(from: $0, to: before.endIndex) } ?? offset + 1
        return Position(line: line.adding(1), column: begin)
    }
}

/// Walks a text that is known to be JSON of a bounded depth.
private struct PolicyTextScan {
    let bytes: [UInt8]
    var statements: [Range<Int>] = []
    var principals: [(range: Range<Int>, text: String)] = []
    private var at = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// - Parameter path: the names of the members that lead here; lists count for nothing.
    mutating func value(_ path: [String]) {
        skipSpace()
        guard at < bytes.count else { return }
        let start = at
        switch bytes[at] {
        case UInt8(ascii: "{"): object(path)
        case UInt8(ascii: "["): array(path)
        case UInt8(ascii: "\""):
            let text = string()
            let isPrincipal = path.count == 3 && path[0] == "Statement" && path[1].hasSuffix("Principal") && path[2] == "AWS"
            if isPrincipal { principals.append((start..<at, text)) }
        default: while at < bytes.count, !Self.ends.contains(bytes[at]) { at += 1 }
        }
        if path == ["Statement"], bytes[start] == UInt8(ascii: "{") { statements.append(start..<at) }
    }

    private static let ends: Set<UInt8> = Set(",]} \t\r\n".utf8)

    private mutating func object(_ path: [String]) {
        at += 1
        skipSpace()
        while at < bytes.count, bytes[at] == UInt8(ascii: "\"") {
            let name = string()
            skipSpace()
            // The colon.
            at += 1
            value(path + [name])
            skipSeparator()
        }
        at += 1
    }

    private mutating func array(_ path: [String]) {
        at += 1
        skipSpace()
        while at < bytes.count, bytes[at] != UInt8(ascii: "]") {
            value(path)
            skipSeparator()
        }
        at += 1
    }

    /// A string, decoded.
    private mutating func string() -> String {
        let start = at
        at += 1
        while at < bytes.count, bytes[at] != UInt8(ascii: "\"") { at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1 }
        at = min(at + 1, bytes.count)
        guard case .string(let text)? = try? JSONParser.parse(Array(bytes[start..<at])) else { return "" }
        return text
    }

    private mutating func skipSpace() {
        while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x09 || bytes[at] == 0x0a || bytes[at] == 0x0d { at += 1 }
    }

    private mutating func skipSeparator() {
        skipSpace()
        if at < bytes.count, bytes[at] == UInt8(ascii: ",") { at += 1 }
        skipSpace()
    }
}

extension PolicyDocument {
    /// The ARNs of users, roles, sessions and federated users that statements name as principals, each once, in the order of the
    /// document: what is pinned to unique ids when the policy is saved.
    package var principalARNs: [String] {
        var seen: Set<String> = []
        return statements.flatMap { $0.principals?.items ?? [] }.compactMap(\.arn).filter { seen.insert($0).inserted }
    }

    /// The unique ids that statements name as principals, each once: those of deleted users and roles, mostly.
    package var principalIDs: [String] {
        var seen: Set<String> = []
        return statements.flatMap { $0.principals?.items ?? [] }.compactMap { principal in
            if case .uniqueID(let id) = principal { id } else { nil }
        }.filter { seen.insert($0).inserted }
    }

    /// The text as it is read back: an ARN as the user or role has it now, or the unique id once that is gone, which shows the
    /// policy's owner that the principal no longer means anyone. Every other byte is as it was saved.
    ///
    /// - Parameters:
    ///   - pins: the unique ids of the text's principals, by ARN.
    ///   - living: the ARNs of those that still exist, by unique id.
    package static func readBack(_ text: String, pins: [String: String], living: [String: String]) -> String {
        guard !pins.isEmpty else { return text }
        return PolicyText(text).replacingPrincipals { principal in
            guard let id = pins[principal] else { return nil }
            guard let arn = living[id] else { return id }
            // A session's ARN names more than its role.
            return principal.contains(":sts:") ? nil : arn
        }
    }
}
