package import WeirCore

/// The registry that a `Host` header names: `<account>.dkr.ecr.<region>.<any domain>`, or `<account>.dkr-ecr.<region>.<any
/// domain>` in ECR's dual-stack names. Each also with `-fips`.
package enum RegistryHost {
    /// Nil for every other host: `localhost:5050`, an address, the operator's own name.
    package static func registry(named authority: String?) -> RegistryID? {
        // A quick check for every request: nearly every other host fails it at its first letter.
        guard let authority, let first = authority.utf8.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first),
            authority.utf8.dropFirst(12).first == UInt8(ascii: "."),
            // Longer than any host's name with its port (RFC 1035).
            authority.utf8.count <= 262
        else { return nil }
        let host = authority.prefix { $0 != ":" }.lowercased()
        let labels = host.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard labels.count >= 3, let account = try? AccountID(labels[0]) else { return nil }
        let region: String? =
            switch labels[1] {
            case "dkr-ecr", "dkr-ecr-fips": labels[2]
            case "dkr" where labels.count >= 4 && (labels[2] == "ecr" || labels[2] == "ecr-fips"): labels[3]
            default: nil
            }
        guard let region, let region = try? Region(region) else { return nil }
        return RegistryID(account: account, region: region)
    }
}
