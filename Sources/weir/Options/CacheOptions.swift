import ArgumentParser

/// Options of `weir serve`: how long upstream's word counts, what is kept, and what goes by itself.
struct CacheOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: .init(
            "How long upstream's word about a tag counts; 0 asks at every pull. (default: 86400)", valueName: "seconds"))
    var freshness: String?
    @Option(
        parsing: .unconditional,
        help: .init(
            "How long upstream's word counts that there is no such image. (default: 10)", valueName: "seconds"))
    var rememberMissing: String?
    @Option(
        help: .init(
            "How much cached content is kept, such as 200GiB: what was longest not pulled gives way. (default: no limit)",
            valueName: "size"))
    var cacheSize: String?
    @Option(
        help: .init(
            "How much is kept free on the volume, such as 2GiB: below it nothing is stored. (default: 2 % of it, 1 GiB at most)",
            valueName: "size"))
    var reserve: String?
    @Option(
        parsing: .unconditional,
        help: .init("Time between two collections of garbage; 0 is by command alone. (default: 3600)", valueName: "seconds"))
    var gcInterval: String?
    @Option(
        parsing: .unconditional,
        help: .init(
            "How long a blob is kept that no manifest names yet, for a push under way. (default: 86400)",
            valueName: "seconds"))
    var gcGrace: String?
    @Option(
        parsing: .unconditional,
        help: .init(
            "Within what time lifecycle policies are carried out; 0 is by command alone. (default: 86400)",
            valueName: "seconds"))
    var lifecycleInterval: String?
    @Option(
        parsing: .unconditional,
        help: .init("After what time an upload that nobody continues is given up. (default: 86400)", valueName: "seconds"))
    var uploadWindow: String?
    @Option(
        help: .init(
            "kms-only leaves AES256 repositories unsealed, for volumes that are encrypted already. (default: all)",
            valueName: "all|kms-only"))
    var sealing: String?

    func put(in values: inout OptionValues) {
        values.put(number: .freshness, freshness)
        values.put(number: .rememberMissing, rememberMissing)
        values.put(.cacheSize, cacheSize)
        values.put(.reserve, reserve)
        values.put(number: .gcInterval, gcInterval)
        values.put(number: .gcGrace, gcGrace)
        values.put(number: .lifecycleInterval, lifecycleInterval)
        values.put(number: .uploadWindow, uploadWindow)
        values.put(.sealing, sealing)
    }
}
