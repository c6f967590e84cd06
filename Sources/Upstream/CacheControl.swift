/// How long an answer may be kept, by its `Cache-Control` (RFC 9111, 5.2.2).
enum CacheControl {
    /// A year: nothing is kept longer.
    private static let longest: Int64 = 31_536_000

    /// `max-age`; zero for `no-store` and `no-cache`, whatever else stands there; nil where the header says nothing of it.
    static func maxAge(_ header: String) -> Duration? {
        var found: Duration?
        for directive in header.lowercased().split(separator: ",") {
            let parts = directive.split(separator: "=", maxSplits: 1).map { $0.trimmed }
            switch parts.first {
            case "no-store", "no-cache": return .zero
            case "max-age":
                guard parts.count == 2, let seconds = seconds(parts[1]) else { continue }
                // Of two, the shorter one counts.
                found = min(found ?? seconds, seconds)
            default: continue
            }
        }
        return found
    }

    /// Digits, perhaps in quotation marks.
    private static func seconds(_ text: Substring) -> Duration? {
        let digits = text.hasPrefix("\"") && text.hasSuffix("\"") && text.utf8.count > 1 ? text.dropFirst().dropLast() : text
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return .seconds(min(Int64(digits) ?? longest, longest))
    }
}

extension Substring {
    /// Without blanks and tabs at its ends.
    fileprivate var trimmed: Substring {
        var text = self
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
