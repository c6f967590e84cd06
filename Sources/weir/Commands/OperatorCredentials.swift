import Foundation
import WeirSigV4

/// The access key that a command signs with: the environment's, a shared credentials file's, or the server's own.
struct OperatorCredentials {
    let key: SigV4Credential
    let region: String?

    /// - Parameter isFolderNamed: the person said which server's folder it is: its key then comes first.
    static func find(
        folder: String, isFolderNamed: Bool, _ environment: [String: String]
    ) throws(StartProblem) -> OperatorCredentials {
        let own = "\(folder)/credentials"
        if isFolderNamed, let found = try read(own, profile: "default") { return found }
        if let id = environment["AWS_ACCESS_KEY_ID"], let secret = environment["AWS_SECRET_ACCESS_KEY"], !id.isEmpty {
            return OperatorCredentials(
                key: SigV4Credential(
                    accessKeyID: id, secret: Array(secret.utf8), sessionToken: environment["AWS_SESSION_TOKEN"]),
                region: nil)
        }
        let profile = environment["AWS_PROFILE"] ?? "default"
        if let path = environment["AWS_SHARED_CREDENTIALS_FILE"], let found = try read(path, profile: profile) { return found }
        if let found = try read(own, profile: "default") { return found }
        if let home = environment["HOME"], let found = try read("\(home)/.aws/credentials", profile: profile) { return found }
        throw StartProblem(
            "no access key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE, or name the "
                + "server's folder with --data (there is no '\(own)')")
    }

    /// The profile in a file of AWS's form, where both are there. A file that cannot be read is not passed over: another key would sign.
    private static func read(_ path: String, profile: String) throws(StartProblem) -> OperatorCredentials? {
        guard let data = try StartFile.contents(of: path) else { return nil }
        var section = ""
        var values: [String: String] = [:]
        for line in String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let line = line.trimmingCharacters(in: .whitespaces)
            if line.hasPrefix("["), line.hasSuffix("]") {
                section = line.dropFirst().dropLast().trimmingCharacters(in: .whitespaces)
            } else if section == profile, !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") {
                let name = line[..<equals].trimmingCharacters(in: .whitespaces)
                values[name] = line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces)
            }
        }
        guard let id = values["aws_access_key_id"], let secret = values["aws_secret_access_key"] else { return nil }
        return OperatorCredentials(
            key: SigV4Credential(accessKeyID: id, secret: Array(secret.utf8), sessionToken: values["aws_session_token"]),
            region: values["region"])
    }
}
