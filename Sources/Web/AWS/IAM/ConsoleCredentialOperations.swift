import WeirCore
import WeirIdentity

/// What users have on AWS beside access keys, and never here: passwords, devices, SSH keys and certificates. Tools look for them
/// before they delete a user, and find none.
struct ConsoleCredentialOperations: Sendable {
    let targets: IAMTargets

    var table: [AWSOperation] {
        [
            none("ListSSHPublicKeys", "SSHPublicKeys"), none("ListMFADevices", "MFADevices"),
            none("ListSigningCertificates", "Certificates"),
            none("ListServiceSpecificCredentials", "ServiceSpecificCredentials"),
            AWSOperation(.iam, "ListVirtualMFADevices", may: .account) { _ in
                ["VirtualMFADevices": [], "IsTruncated": false]
            },
            AWSOperation(.iam, "GetLoginProfile", may: targets.onSubject()) { throw try await noProfile($0) },
            AWSOperation(.iam, "DeleteLoginProfile", may: targets.onSubject(), doing: { throw try await noProfile($0) }),
        ]
    }

    /// An empty list of what the user has.
    private func none(_ name: String, _ member: String) -> AWSOperation {
        AWSOperation(.iam, name, may: targets.onSubject()) { call in
            _ = try await targets.entity(of: IAMTargets.subject(call), call)
            return [member: [], "IsTruncated": false]
        }
    }

    private func noProfile(_ call: AWSCall) async throws -> Refusal {
        let user = try await targets.entity(of: IAMTargets.subject(call), call)
        return Refusal(.noSuchEntity, "Login Profile for User \(user?.name ?? "root") cannot be found.")
    }
}
