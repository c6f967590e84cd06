/// The scope of a cache rule or a creation template: the names below a path, or every name (`ROOT`).
///
/// A slash is always assumed at the end: `docker` does not match `docker-hub/x`. The text is kept as written, since ECR returns
/// it so.
package enum Prefix: Hashable, Sendable, CustomStringConvertible {
    case root
    /// A path as written, perhaps with one slash at its end.
    case path(String)

    /// - Parameter lengths: 2...30 for a pull through cache rule, 1...256 for a creation template.
    package init(_ text: String, lengths: ClosedRange<Int>) throws(NameError) {
        guard lengths.contains(text.utf8.count) else {
            throw NameError(
                "prefix", text, "must have \(lengths.lowerBound) to \(lengths.upperBound) characters")
        }
        if text == "ROOT" {
            self = .root
        } else if PathComponents.isWellFormed(text.hasSuffix("/") ? text.dropLast() : Substring(text)) {
            self = .path(text)
        } else {
            throw NameError("prefix", text, "does not match ECR's pattern for prefixes")
        }
    }

    package var description: String {
        switch self {
        case .root: "ROOT"
        case .path(let text): text
        }
    }

    /// The path with its slash, which every covered name begins with. Empty for `ROOT`.
    package var beginning: String {
        switch self {
        case .root: ""
        case .path(let text): text.hasSuffix("/") ? text : text + "/"
        }
    }

    /// True if `name` lies below this prefix. The prefix itself is not below itself.
    package func covers(_ name: RepositoryName) -> Bool {
        name.description.utf8.count > beginning.utf8.count && name.description.hasPrefix(beginning)
    }
}

extension Sequence {
    /// The element whose prefix covers `name` most closely: the longest one, `ROOT` last.
    package func closest(to name: RepositoryName, _ prefix: (Element) -> Prefix) -> Element? {
        self.filter { prefix($0).covers(name) }
            .max { prefix($0).beginning.utf8.count < prefix($1).beginning.utf8.count }
    }
}
