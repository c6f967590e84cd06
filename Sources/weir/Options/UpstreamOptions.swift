import ArgumentParser

/// Options of `weir serve`: which registries cache rules may name, and how these are reached.
struct UpstreamOptions: ParsableArguments {
    @Option(
        name: .customLong("upstream"),
        help: .init("Where an upstream registry is really reached. May be repeated.", valueName: "host=url"))
    var upstreams: [String] = []
    @Flag(help: "Let cache rules name any registry, and not only those that ECR knows.")
    var allowAnyUpstream = false
    @Option(
        name: .customLong("allow-private-upstream"),
        help: .init("An upstream that may live at a private address. May be repeated.", valueName: "host"))
    var allowPrivateUpstreams: [String] = []
    @Flag(help: "Let cache rules do without a secret also where ECR demands one.")
    var optionalUpstreamSecrets = false
    @Option(
        help: .init("A PEM file with authorities to trust for upstream registries, besides the system's.", valueName: "file"))
    var upstreamCa: String?
    @Option(
        name: .customLong("upstream-authority"),
        help: .init(
            "A PEM file with authorities to trust for this upstream alone. May be repeated.", valueName: "host=file"))
    var upstreamAuthorities: [String] = []
    @Option(
        name: .customLong("trust-realm"),
        help: .init("A token server that may have this upstream's login. May be repeated.", valueName: "upstream=host"))
    var trustedRealms: [String] = []
    @Option(
        name: .customLong("upstream-identity-account"),
        help: .init(
            "An account whose rules may ask ECR registries in this server's own name at AWS. May be repeated. (default: --account)",
            valueName: "id"))
    var upstreamIdentityAccounts: [String] = []
    @Option(
        parsing: .unconditional,
        help: .init(
            "How long an upstream may say nothing. (default: 10 to connect, 30 to answer, 60 in the middle of one)",
            valueName: "seconds"))
    var upstreamPatience: String?
    @Option(
        help: .init(
            "Whom upstreams may write to: stands in the User-Agent of what they are asked.", valueName: "mail or url"))
    var upstreamContact: String?
    @Option(
        parsing: .unconditional,
        help: .init("How many cache rules a registry may have, 1000 at most. (default: 50, as in ECR)", valueName: "count"))
    var rulesPerRegistry: String?

    func put(in values: inout OptionValues) {
        values.put(.upstreams, upstreams)
        values.put(.allowAnyUpstream, allowAnyUpstream)
        values.put(.allowPrivateUpstreams, allowPrivateUpstreams)
        values.put(.optionalUpstreamSecrets, optionalUpstreamSecrets)
        values.put(.upstreamCA, upstreamCa)
        values.put(.upstreamAuthorities, upstreamAuthorities)
        values.put(.trustedRealms, trustedRealms)
        values.put(.upstreamIdentityAccounts, upstreamIdentityAccounts)
        values.put(number: .upstreamPatience, upstreamPatience)
        values.put(.upstreamContact, upstreamContact)
        values.put(number: .rulesPerRegistry, rulesPerRegistry)
    }
}
