import CPlatform
import WeirCore

/// The version, and the build id that tells builds of one version apart.
enum Version {
    /// The first 12 hexadecimal digits of the build id, enough to tell builds apart.
    static let build = String(String(cString: weir_build_id()).prefix(12))
    /// `0.10.0 (build 29ac8bf9e591)`
    static let text = "\(WeirVersion.number) (build \(build))"
}
