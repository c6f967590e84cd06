/// What `PutAccountSetting` can set, with ECR's defaults.
package enum AccountSetting: String, Sendable, Hashable, CaseIterable {
    case basicScanTypeVersion = "BASIC_SCAN_TYPE_VERSION"
    case registryPolicyScope = "REGISTRY_POLICY_SCOPE"
    case blobMounting = "BLOB_MOUNTING"

    /// The values that can be set. The historic ones, `CLAIR` and `V1`, cannot be set in ECR either.
    package var values: [String] {
        switch self {
        case .basicScanTypeVersion: ["AWS_NATIVE"]
        case .registryPolicyScope: ["V2"]
        case .blobMounting: ["ENABLED", "DISABLED"]
        }
    }

    package var standard: String {
        switch self {
        case .basicScanTypeVersion: "AWS_NATIVE"
        case .registryPolicyScope: "V2"
        case .blobMounting: "DISABLED"
        }
    }
}
