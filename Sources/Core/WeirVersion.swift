/// The one place that names the version: `weir --version`, the log's first line, `/version`, `weir_build_info` and the
/// `User-Agent` to other servers read it here.
package enum WeirVersion {
    /// Semantic versioning, raised at each release.
    package static let number = "0.10.0"

    /// The `User-Agent` of upstream requests: name, version, and the operator's contact address if one is set.
    ///
    /// - Parameter contact: a mail address or a URL; any other text is left out.
    package static func userAgent(contact: String? = nil) -> String {
        guard let contact, isContact(contact) else { return "weir/\(number)" }
        return "weir/\(number) (+\(contact))"
    }

    /// True if the text is safe in a header as a contact address.
    package static func isContact(_ text: String) -> Bool {
        (1...200).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || "@:/.+-_~%?=&#".utf8.contains(byte)
            }
    }
}
