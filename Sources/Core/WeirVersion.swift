/// Which Weir this is. The one place that says it: `weir --version`, the log's first line, `/version`, `weir_build_info` and what
/// the server calls itself to other servers all read it here.
package enum WeirVersion {
    /// Semantic versioning. Raised when a release is made.
    package static let number = "0.10.0"

    /// How the server names itself to those that it asks: name, version, and whom to write to about it, where the operator says
    /// so.
    ///
    /// - Parameter contact: a mail address or a URL; what is none is left out.
    package static func userAgent(contact: String? = nil) -> String {
        guard let contact, isContact(contact) else { return "weir/\(number)" }
        return "weir/\(number) (+\(contact))"
    }

    /// Whether the text can stand in a header as somebody's address.
    package static func isContact(_ text: String) -> Bool {
        (1...200).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || "@:/.+-_~%?=&#".utf8.contains(byte)
            }
    }
}
