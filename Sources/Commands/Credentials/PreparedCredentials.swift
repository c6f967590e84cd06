import WeirSigV4

/// Credentials of which everything that is on this machine has been read; the server has not been asked.
package indirect enum PreparedCredentials: Sendable {
    case keys(OperatorCredentials)
    case role(AssumedRole, by: PreparedCredentials)
    case webIdentity(AssumedRole, WebIdentityToken)

    /// Who this is: SHA-256 in hexadecimal digits, of everything that decides it. Two that differ in anything are two.
    package var fingerprint: String {
        let parts =
            switch self {
            case .keys(let credentials):
                [
                    "keys", credentials.key.accessKeyID, SigV4.payloadHash(credentials.key.secret),
                    credentials.key.sessionToken ?? "",
                ]
            case .role(let role, let other): ["role"] + Self.parts(of: role) + [other.fingerprint]
            case .webIdentity(let role, let token): ["web"] + Self.parts(of: role) + [token.text]
            }
        return Self.hash(parts)
    }

    private static func parts(of role: AssumedRole) -> [String] {
        [role.arn, role.sessionName, role.duration.map { "\($0)" } ?? "", role.externalID ?? ""]
    }

    /// Each part is hashed by itself first, so that none can be mistaken for the end of one and the beginning of the next.
    static func hash(_ parts: [String]) -> String {
        SigV4.payloadHash(parts.map { SigV4.payloadHash($0.utf8) }.joined().utf8)
    }
}
