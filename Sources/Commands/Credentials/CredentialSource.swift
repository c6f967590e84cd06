/// Where a command's credentials come from. Nothing has been asked yet, and no secret but a static key has been read.
package indirect enum CredentialSource: Sendable {
    case keys(OperatorCredentials)
    /// A session of a role, which the server gives to another source's credentials.
    case role(AssumedRole, by: CredentialSource)
    /// A session of a role, which the server gives for an identity provider's token: the token in the file, which others renew.
    case webIdentity(AssumedRole, tokenFile: String)
    /// The output of a command, in the form of `credential_process`.
    case process(String, profile: String)
}

/// A source, and what is set beside it.
package struct FoundCredentials: Sendable {
    package let source: CredentialSource
    /// The profile's region.
    package let region: String?
}

/// Where credentials are looked for, in the order of AWS's SDKs.
package struct CredentialPlaces: Sendable {
    package var environment: [String: String]
    /// The server's data folder, if it may be on this machine.
    package var folder: String?
    /// True if the operator named the folder: its key then comes first.
    package var isFolderNamed = false
    /// A profile or a file that was named for this server: nothing else is looked at.
    package var profile: String?
    package var credentialsFile: String?

    package init(
        environment: [String: String], folder: String? = nil, isFolderNamed: Bool = false, profile: String? = nil,
        credentialsFile: String? = nil
    ) {
        self.environment = environment
        self.folder = folder
        self.isFolderNamed = isFolderNamed
        self.profile = profile
        self.credentialsFile = credentialsFile
    }

    /// Reads a file: nil if it does not exist. It must throw for an unreadable file: skipping it would sign with another key.
    package typealias Contents = (String) throws(CommandProblem) -> [UInt8]?

    private var own: String? { folder.map { "\($0)/credentials" } }
    private func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    private func shared(_ name: String) -> String? { environment["HOME"].map { "\($0)/.aws/\(name)" } }

    /// `AWS_PROFILE` names one of the user's own files.
    private var profileName: String {
        profile ?? (credentialsFile == nil ? variable("AWS_PROFILE") : nil) ?? "default"
    }
    private var credentialsPath: String? {
        credentialsFile ?? variable("AWS_SHARED_CREDENTIALS_FILE") ?? shared("credentials")
    }
    /// A named credentials file stands alone, unless a profile is named too.
    private var configPath: String? {
        credentialsFile != nil && profile == nil ? nil : variable("AWS_CONFIG_FILE") ?? shared("config")
    }

    /// The first source that there is. Throws if there is none, or if it is set up wrongly: the next one has other rights.
    package func find(_ contents: Contents) throws(CommandProblem) -> FoundCredentials {
        if profile != nil || credentialsFile != nil {
            if let found = try inProfile(contents) { return found }
            throw missing()
        }
        if isFolderNamed, let found = try inFolder(contents) { return found }
        if let found = try inEnvironment() { return found }
        let isShared = variable("AWS_SHARED_CREDENTIALS_FILE") != nil || variable("AWS_CONFIG_FILE") != nil
        if isShared, let found = try inProfile(contents) { return found }
        if let found = try inFolder(contents) { return found }
        if !isShared, let found = try inProfile(contents) { return found }
        throw missing()
    }

    private func inFolder(_ contents: Contents) throws(CommandProblem) -> FoundCredentials? {
        guard let own, let bytes = try contents(own),
            let profile = SharedProfiles(credentials: bytes, config: nil)["default"], let pair = profile.pair
        else { return nil }
        return FoundCredentials(
            source: .keys(OperatorCredentials(pair.values, from: .file(own, profile: "default"))), region: profile["region"])
    }

    private func inEnvironment() throws(CommandProblem) -> FoundCredentials? {
        if let keys = environmentKeys { return FoundCredentials(source: .keys(keys), region: nil) }
        guard let file = variable("AWS_WEB_IDENTITY_TOKEN_FILE") else { return nil }
        guard let arn = variable("AWS_ROLE_ARN") else {
            throw CommandProblem("AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN, the role that the token is for, is not")
        }
        let role = try AssumedRole(
            arn: arn, sessionName: variable("AWS_ROLE_SESSION_NAME"), from: "the environment (AWS_ROLE_ARN)")
        return FoundCredentials(source: .webIdentity(role, tokenFile: file), region: nil)
    }

    private var environmentKeys: OperatorCredentials? {
        guard let id = variable("AWS_ACCESS_KEY_ID"), let secret = variable("AWS_SECRET_ACCESS_KEY") else { return nil }
        return OperatorCredentials(
            accessKeyID: id, secret: secret, sessionToken: variable("AWS_SESSION_TOKEN"), from: .environment)
    }

    private func inProfile(_ contents: Contents) throws(CommandProblem) -> FoundCredentials? {
        let profiles = SharedProfiles(
            credentials: try credentialsPath.map { path throws(CommandProblem) in try contents(path) } ?? nil,
            config: try configPath.map { path throws(CommandProblem) in try contents(path) } ?? nil)
        let chain = ProfileChain(
            profiles: profiles, credentialsPath: credentialsPath ?? "", configPath: configPath ?? "",
            environmentKeys: environmentKeys)
        guard let source = try chain.source(of: profileName) else { return nil }
        return FoundCredentials(source: source, region: profiles[profileName]?["region"])
    }

    private func missing() -> CommandProblem {
        let read = [credentialsPath, configPath].compactMap { $0 }.map { "'\($0)'" }.joined(separator: " and ")
        let profile = read.isEmpty ? "" : "no credentials of the profile '\(profileName)' in \(read)"
        guard let own else {
            return CommandProblem(
                "no access key: \(profile.isEmpty ? "HOME is not set" : profile). Set AWS_ACCESS_KEY_ID and "
                    + "AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE, or AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN")
        }
        return CommandProblem(
            "no access key: there is no '\(own)'\(profile.isEmpty ? "" : ", \(profile)"). Name the server's folder with --data, "
                + "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE")
    }
}
