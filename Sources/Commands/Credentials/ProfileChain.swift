/// Follows `source_profile` from a profile to the credentials at its end.
struct ProfileChain {
    /// Roles that one profile may lead through.
    private static let mostRoles = 8

    let profiles: SharedProfiles
    /// For error messages.
    let credentialsPath: String
    let configPath: String
    /// For `credential_source = Environment`.
    let environmentKeys: OperatorCredentials?

    /// Nil where there is no such profile, or one without credentials.
    func source(of name: String) throws(CommandProblem) -> CredentialSource? { try source(of: name, after: []) }

    /// - Parameter path: the profiles that led here.
    private func source(of name: String, after path: [String]) throws(CommandProblem) -> CredentialSource? {
        guard let profile = profiles[name] else { return nil }
        // Where another profile leads here, its keys are meant before its role.
        if !path.isEmpty, let keys = keys(of: profile, name) { return keys }
        if let arn = profile["role_arn"] { return try role(arn, of: profile, name, after: path) }
        if let keys = keys(of: profile, name) { return keys }
        if let command = profile["credential_process"] { return .process(command, profile: name) }
        if profile["sso_session"] != nil || profile["sso_start_url"] != nil {
            throw CommandProblem(
                "\(place(name)) signs in by SSO, which this server has not. Set AWS_PROFILE to another one, or give it keys or a role_arn"
            )
        }
        return nil
    }

    private func keys(of profile: SharedProfiles.Profile, _ name: String) -> CredentialSource? {
        profile.pair.map { values, isConfig in
            .keys(OperatorCredentials(values, from: .file(isConfig ? configPath : credentialsPath, profile: name)))
        }
    }

    private func role(
        _ arn: String, of profile: SharedProfiles.Profile, _ name: String, after path: [String]
    ) throws(CommandProblem) -> CredentialSource {
        if profile["mfa_serial"] != nil {
            throw CommandProblem("\(place(name)) asks for a second factor (mfa_serial), which this server has not: take it out")
        }
        let role = try AssumedRole(
            arn: arn, sessionName: profile["role_session_name"], duration: profile["duration_seconds"],
            externalID: profile["external_id"], from: place(name))
        if let other = profile["source_profile"] {
            return .role(role, by: try source(other, of: name, profile, after: path))
        }
        if let other = profile["credential_source"] {
            guard other == "Environment" else {
                throw CommandProblem(
                    "\(place(name)) has credential_source = \(Quoted.text(other)): outside AWS there is only Environment, "
                        + "or a source_profile")
            }
            guard let environmentKeys else {
                throw CommandProblem("\(place(name)) takes the environment's key, and AWS_ACCESS_KEY_ID is not set")
            }
            return .role(role, by: .keys(environmentKeys))
        }
        if let file = profile["web_identity_token_file"] { return .webIdentity(role, tokenFile: file) }
        throw CommandProblem(
            "\(place(name)) has a role_arn, and nothing to assume it with: add source_profile, credential_source or "
                + "web_identity_token_file")
    }

    /// The credentials of a `source_profile`. A profile may name itself, and then its own keys are meant.
    private func source(
        _ other: String, of name: String, _ profile: SharedProfiles.Profile, after path: [String]
    ) throws(CommandProblem) -> CredentialSource {
        let walked = path + [name]
        if other == name, let keys = keys(of: profile, name) { return keys }
        guard !walked.contains(other) else {
            let loop = (walked + [other]).map(Quoted.text).joined(separator: " → ")
            throw CommandProblem("the profiles lead in a circle: \(loop). One of them must have keys instead of a source_profile")
        }
        guard walked.count < Self.mostRoles else {
            throw CommandProblem("the profile \(Quoted.text(walked[0])) leads through more than \(Self.mostRoles) roles")
        }
        guard let source = try source(of: other, after: walked) else {
            throw CommandProblem(
                "\(place(name)) has source_profile = \(Quoted.text(other)), and there are no credentials of that profile in "
                    + "'\(credentialsPath)' or '\(configPath)'")
        }
        return source
    }

    private func place(_ name: String) -> String { "the profile \(Quoted.text(name))" }
}

/// Names of a file or of a client, in sentences: short, and without what a terminal would obey.
enum Quoted {
    static func text(_ name: String) -> String {
        let shown = name.unicodeScalars.prefix(100).map { $0.value < 0x20 || $0.value == 0x7f ? "?" : Character($0) }
        return "'\(String(shown))'"
    }
}
