package import WeirSigV4

/// The key that signs a command's calls, and where it came from.
package struct OperatorCredentials: Sendable {
    /// Where the key was found, for error messages.
    package indirect enum Source: Sendable, Equatable {
        /// `AWS_ACCESS_KEY_ID`.
        case environment
        case file(String, profile: String)
        /// What a `credential_process` printed.
        case process(profile: String)
        /// A session of the role with this ARN.
        case role(String, by: Source)
        /// A session of the role with this ARN, for a web identity token.
        case webIdentity(String)
    }

    package let key: SigV4Credential
    package let source: Source

    package init(accessKeyID: String, secret: String, sessionToken: String?, from source: Source) {
        key = SigV4Credential(accessKeyID: accessKeyID, secret: Array(secret.utf8), sessionToken: sessionToken)
        self.source = source
    }

    /// A pair of a shared file, which has both halves.
    init(_ values: [Substring: String], from source: Source) {
        self.init(
            accessKeyID: values["aws_access_key_id"] ?? "", secret: values["aws_secret_access_key"] ?? "",
            sessionToken: values["aws_session_token"].flatMap { $0.isEmpty ? nil : $0 }, from: source)
    }

    /// What no message may hold.
    var secrets: [String] { [String(decoding: key.secret, as: UTF8.self), key.sessionToken ?? ""] }

    // MARK: If the server refuses the key

    /// The key's id and where it was found, without the secret.
    private var named: String {
        switch source {
        case .environment: "the access key \(key.accessKeyID) of the environment (AWS_ACCESS_KEY_ID)"
        case .file(let path, "default"): "the access key \(key.accessKeyID) of '\(path)'"
        case .file(let path, let profile): "the access key \(key.accessKeyID) of the profile '\(profile)' in '\(path)'"
        case .process(let profile):
            "the access key \(key.accessKeyID) that the profile '\(profile)' had from its credential_process"
        case .role(let arn, _), .webIdentity(let arn): "the session \(key.accessKeyID) of the role \(arn)"
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
        let message = Redaction.text(message, hiding: secrets)
        switch code {
        case "UnrecognizedClientException", "InvalidClientTokenId":
            return "the server at \(server) does not know \(named). \(advice) (\(code))"
        case "InvalidSignatureException", "SignatureDoesNotMatch":
            // For a wrong clock the server's own message is the best one.
            if message.contains("Signature expired") || message.contains("not yet current") {
                return "\(message) (\(code)) The clocks of this machine and of the server at \(server) differ"
            }
            return "the server at \(server) knows \(named), and its secret is another one. \(advice) (\(code))"
        case "ExpiredTokenException", "ExpiredToken":
            return "the server at \(server) says that the time of \(named) is over. Get new ones where they came from (\(code))"
        default: return nil
        }
    }
}
