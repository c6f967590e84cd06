package import WeirSigV4

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The access key that signs a command's calls: from the environment, a shared credentials file, or the server's data folder.
package struct OperatorCredentials: Sendable {
    /// Where the key was found, for error messages.
    package enum Source: Sendable, Equatable {
        /// `AWS_ACCESS_KEY_ID`.
        case environment
        case file(String, profile: String)
    }

    package let key: SigV4Credential
    package let region: String?
    package let source: Source

    /// - Parameters:
    ///   - folder: the server's data folder, if it is on this machine.
    ///   - isFolderNamed: true if the operator named the folder: its key then comes first.
    ///   - contents: the bytes of a file; nil if it does not exist. It must throw for an unreadable file: skipping that
    ///     file would sign with another key.
    package static func find(
        folder: String, isFolderNamed: Bool, _ environment: [String: String],
        contents: (String) throws(CommandProblem) -> [UInt8]?
    ) throws(CommandProblem) -> OperatorCredentials {
        let own = "\(folder)/credentials"
        if isFolderNamed, let found = try read(own, "default", contents) { return found }
        if let id = environment["AWS_ACCESS_KEY_ID"], let secret = environment["AWS_SECRET_ACCESS_KEY"], !id.isEmpty {
            return OperatorCredentials(
                key: SigV4Credential(
                    accessKeyID: id, secret: Array(secret.utf8), sessionToken: environment["AWS_SESSION_TOKEN"]),
                region: nil, source: .environment)
        }
        let profile = environment["AWS_PROFILE"].flatMap { $0.isEmpty ? nil : $0 } ?? "default"
        let shared = environment["AWS_SHARED_CREDENTIALS_FILE"]
        if let shared, let found = try read(shared, profile, contents) { return found }
        if let found = try read(own, "default", contents) { return found }
        let home = environment["HOME"].map { "\($0)/.aws/credentials" }
        if let home, let found = try read(home, profile, contents) { return found }
        throw missing(own, profile, [shared, home].compactMap { $0 })
    }

    private static func missing(_ own: String, _ profile: String, _ others: [String]) -> CommandProblem {
        let besides = others.map { ", no key of the profile '\(profile)' in '\($0)'" }.joined()
        return CommandProblem(
            "no access key: there is no '\(own)'\(besides). Name the server's folder with --data, or set AWS_ACCESS_KEY_ID and "
                + "AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE")
    }

    /// The profile in a shared credentials file; nil unless it has both parts of the key.
    private static func read(
        _ path: String, _ profile: String, _ contents: (String) throws(CommandProblem) -> [UInt8]?
    ) throws(CommandProblem) -> OperatorCredentials? {
        guard let bytes = try contents(path) else { return nil }
        var section = ""
        var values: [Substring: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map(trimmed) {
            if line.hasPrefix("["), line.hasSuffix("]") {
                section = String(trimmed(line.dropFirst().dropLast()))
            } else if section == profile, !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") {
                values[trimmed(line[..<equals])] = String(trimmed(line[line.index(after: equals)...]))
            }
        }
        guard let id = values["aws_access_key_id"], let secret = values["aws_secret_access_key"] else { return nil }
        return OperatorCredentials(
            key: SigV4Credential(accessKeyID: id, secret: Array(secret.utf8), sessionToken: values["aws_session_token"]),
            region: values["region"], source: .file(path, profile: profile))
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let start = text.drop(while: \.isWhitespace)
        return start[..<(start.lastIndex { !$0.isWhitespace }.map { start.index(after: $0) } ?? start.startIndex)]
    }

    // MARK: If the server refuses the key

    /// The key's id and where it was found, without the secret.
    private var named: String {
        switch source {
        case .environment: "the access key \(key.accessKeyID) of the environment (AWS_ACCESS_KEY_ID)"
        case .file(let path, "default"): "the access key \(key.accessKeyID) of '\(path)'"
        case .file(let path, let profile): "the access key \(key.accessKeyID) of the profile '\(profile)' in '\(path)'"
        }
    }

    private var advice: String {
        let way = "name the folder of that server with --data, or its credentials with AWS_SHARED_CREDENTIALS_FILE"
        return source == .environment
            ? "Take it out (unset AWS_ACCESS_KEY_ID), and \(way)" : way.prefix(1).uppercased() + way.dropFirst()
    }

    /// Explains the refusal of a signature; nil for any other error.
    ///
    /// - Parameters:
    ///   - code: the exception's name.
    ///   - message: the server's text.
    package func explanation(of code: String, _ message: String, by server: String) -> String? {
        switch code {
        case "UnrecognizedClientException", "InvalidClientTokenId":
            return "the server at \(server) does not know \(named). \(advice) (\(code))"
        case "InvalidSignatureException", "SignatureDoesNotMatch":
            // For a wrong clock the server's own message is the best one.
            if message.contains("Signature expired") || message.contains("not yet current") {
                return "\(message) (\(code)) The clocks of this machine and of the server at \(server) differ"
            }
            return "the server at \(server) knows \(named), and its secret is another one. \(advice) (\(code))"
        default: return nil
        }
    }
}
