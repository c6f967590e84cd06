import CPlatform
import WeirCore

/// Which program this is: its version, and the build id that tells one build of a version from another.
enum Version {
    /// Twelve hexadecimal digits of the build id, as many as tell builds apart.
    static let build = String(String(cString: weir_build_id()).prefix(12))
    /// `0.10.0 (build 29ac8bf9e591)`
    static let text = "\(WeirVersion.number) (build \(build))"
}
