/// A pattern of `matchImages`, as the kubelet reads it: a host with `*` in its labels, a port, and the beginning of a path.
struct ImagePattern {
    private let labels: [Substring]
    private let port: Substring
    let path: Substring

    /// Throws the end of a sentence whose subject is the pattern.
    init(_ text: String) throws(CommandProblem) {
        if text.contains("://") { throw CommandProblem("has a scheme: HOST[:PORT][/PATH] is wanted, since images have none") }
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw CommandProblem("is empty, or has characters that no image name has")
        }
        let authority = text.prefix { $0 != "/" }
        path = text[authority.endIndex...]
        let host = authority.prefix { $0 != ":" }
        port = authority[host.endIndex...].dropFirst()
        labels = host.split(separator: ".", omittingEmptySubsequences: false)
        if path.contains("*") {
            throw CommandProblem("has a * in its path, where it is a letter like any other and never matches")
        }
        if port.contains("*") { throw CommandProblem("has a * in its port, where it never matches") }
        if labels.contains(where: \.isEmpty) { throw CommandProblem("has an empty part between its dots, or ends in one") }
        if authority.contains(where: \.isUppercase) {
            throw CommandProblem("has capital letters: images with small ones do not match it")
        }
    }

    /// True if an image of the host can match. The kubelet wants as many labels, and the same port or none on either side.
    func matches(host: String) -> Bool {
        let name = host.prefix { $0 != ":" }
        let others = name.split(separator: ".", omittingEmptySubsequences: false)
        return port == host[name.endIndex...].dropFirst() && labels.count == others.count
            && zip(labels, others).allSatisfy { Self.matches($0.utf8[...], $1.utf8[...]) }
    }

    /// `*` stands for any characters of one label. Linear but for the backing up to the last star.
    private static func matches(_ pattern: Substring.UTF8View.SubSequence, _ text: Substring.UTF8View.SubSequence) -> Bool {
        var (pattern, text) = (pattern, text)
        var restart: (pattern: Substring.UTF8View.SubSequence, text: Substring.UTF8View.SubSequence)?
        while true {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                restart = (pattern, text)
            } else if let wanted = pattern.first, wanted == text.first {
                pattern = pattern.dropFirst()
                text = text.dropFirst()
            } else if pattern.isEmpty, text.isEmpty {
                return true
            } else if let last = restart, !last.text.isEmpty {
                restart = (last.pattern, last.text.dropFirst())
                (pattern, text) = (last.pattern, last.text.dropFirst())
            } else {
                return false
            }
        }
    }
}
