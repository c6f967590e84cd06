import Foundation
import Logging
import NIOCore
import WeirCore
import WeirIdentity
import WeirServer
import WeirSettings

/// The root access key, created on first start, and the greeting.
struct FirstStart: Sendable {
    /// The credentials file that this start found or created.
    let credentials: String?
    let isFirstStart: Bool

    /// Makes sure that there is a root access key: from the environment, from the credentials file, or a new one. It is then the
    /// home account's only root key; those of accounts that `weir accounts create` has made stay.
    static func prepare(
        _ settings: Settings, _ folder: DataFolder, _ accessKeys: AccessKeys, _ accounts: Accounts
    ) async throws -> FirstStart {
        try await accounts.begin(at: settings.account)
        if let key = settings.rootAccessKey {
            try await accessKeys.add(
                id: key.id, secret: key.secret, account: settings.account, partition: settings.region.partition)
            try await accessKeys.removeOthers(than: key.id, sparing: accounts.made)
            return FirstStart(credentials: nil, isFirstStart: false)
        }
        if let text = try StartFile.text(of: folder.credentials) {
            guard let key = key(in: text) else {
                throw StartProblem(
                    "'\(folder.credentials)' holds no aws_access_key_id with its aws_secret_access_key. Restore it from a backup; where it is lost, remove it, and the next start makes a new key"
                )
            }
            // An earlier start with a key from the environment removed its row.
            if accessKeys.owner(of: key.id) == nil {
                try await accessKeys.add(
                    id: key.id, secret: key.secret, account: settings.account, partition: settings.region.partition)
            }
            try await accessKeys.removeOthers(than: key.id, sparing: accounts.made)
            return FirstStart(credentials: folder.credentials, isFirstStart: false)
        }
        let key = NewRootKey(of: settings.account)
        // The row first: a credentials file without a row would count as the root key at the next start.
        try await accessKeys.add(
            id: key.id, secret: key.secret, account: settings.account, partition: settings.region.partition)
        try await accessKeys.removeOthers(than: key.id, sparing: accounts.made)
        try folder.write(
            """
            [default]
            aws_access_key_id = \(key.id)
            aws_secret_access_key = \(key.secret)
            region = \(settings.region)

            """, to: folder.credentials)
        return FirstStart(credentials: folder.credentials, isFirstStart: true)
    }

    /// The key in a credentials file of this server's form.
    private static func key(in text: String) -> (id: String, secret: String)? {
        var values: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2 { values[parts[0]] = parts[1] }
        }
        guard let id = values["aws_access_key_id"], let secret = values["aws_secret_access_key"] else { return nil }
        return (id, secret)
    }

    private static let plainWarning: Logger.Message = """
        This server speaks plain HTTP to other machines: passwords travel in the clear, and docker, podman and containerd refuse it there. Start \
        it with --tls-self-signed or --tls-certificate and --tls-key; where a proxy in front ends TLS, with --public-url https://HOST
        """

    private static let softWarning: Logger.Message = """
        Rights are not enforced (iam=soft): what policies would deny is logged, and done all the same
        """

    /// Says that the server takes connections, and how to go on.
    func tell(_ settings: Settings, in folder: DataFolder, address: SocketAddress?, logger: Logger) {
        logger.info("Ready", metadata: ["listen": "\(address?.hostAndPort ?? "")", "public.url": "\(settings.publicURL)"])
        if settings.isPlainOutside { logger.warning(Self.plainWarning) }
        if settings.authorization.isSoft { logger.warning(Self.softWarning) }
        // Standard output carries nothing else when it carries events or audit records.
        let isTaken = settings.events == "-" || settings.audit == "-"
        // Through a queue, as the log: a full pipe must not block the server.
        (isTaken ? LogOutput.standardError : LogOutput.standardOutput).put(
            text(settings, authority: settings.tls == .selfSigned ? folder.tls("ca.crt") : nil))
    }

    /// The commands to type next.
    private func text(_ settings: Settings, authority: String?) -> String {
        var lines = ["Weir is ready at \(settings.publicURL)", ""]
        lines.append("  export AWS_ENDPOINT_URL=\(settings.publicURL)")
        if let credentials {
            let path = URL(fileURLWithPath: credentials).path
            lines.append("  export AWS_SHARED_CREDENTIALS_FILE=\(path)")
            // AWS variables that are already set would make the CLI sign with another key.
            lines.append("  unset AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN")
        } else {
            lines.append("  (access key: the one in WEIR_ROOT_ACCESS_KEY_ID)")
        }
        // The AWS CLI, version 1, and boto3 read only the second name.
        lines.append("  export AWS_REGION=\(settings.region) AWS_DEFAULT_REGION=\(settings.region)")
        if let authority {
            lines.append("  export AWS_CA_BUNDLE=\(URL(fileURLWithPath: authority).path)")
        }
        lines.append(
            "  aws ecr get-login-password | docker login --username AWS --password-stdin \(settings.reachedAs)")
        if isFirstStart {
            lines.append("")
            lines.append("  Back up root.key in the data folder: without it nothing that is stored can be opened.")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
