/// The text that signer and verifier both sign (AWS, "Create a signed AWS API request"):
///
///     METHOD \n PATH \n QUERY \n name:value\n… \n signed;headers \n payload hash
struct CanonicalRequest {
    let text: String

    init(
        _ request: SignableRequest, service: String, signedHeaders: [String], payloadHash: String,
        withoutQueryItem excluded: String? = nil
    ) {
        var lines = [request.method, Self.path(request.rawPath, service: service)]
        lines.append(RawQuery(request.rawQuery).canonical(without: excluded))
        let wanted = Set(signedHeaders)
        var values: [String: [String]] = [:]
        for header in request.headers {
            let name = header.name.lowercased()
            if wanted.contains(name) { values[name, default: []].append(Self.collapsed(header.value)) }
        }
        for name in signedHeaders { lines.append("\(name):\((values[name] ?? []).joined(separator: ","))") }
        lines.append("")
        lines.append(signedHeaders.joined(separator: ";"))
        lines.append(payloadHash)
        text = lines.joined(separator: "\n")
    }

    /// S3 signs the path as sent. Other services resolve `.`, `..` and empty segments and encode the path once more: `%20` on the
    /// wire is signed as `%2520`.
    private static func path(_ raw: String, service: String) -> String {
        if service == "s3" { return raw.isEmpty ? "/" : raw }
        var segments: [Substring] = []
        for segment in raw.split(separator: "/") {
            switch segment {
            case ".": continue
            case "..": _ = segments.popLast()
            default: segments.append(segment)
            }
        }
        if segments.isEmpty { return "/" }
        // A last segment of "." or ".." names a directory.
        let isDirectory = raw.hasSuffix("/") || raw.hasSuffix("/.") || raw.hasSuffix("/..")
        let path = "/" + segments.joined(separator: "/") + (isDirectory ? "/" : "")
        return URIEncoding.encoded(path.utf8, keepingSlashes: .yes)
    }

    /// Trims the value, and replaces each run of white space in it by one space.
    private static func collapsed(_ value: String) -> String {
        value.split { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r\n" }.joined(separator: " ")
    }
}
