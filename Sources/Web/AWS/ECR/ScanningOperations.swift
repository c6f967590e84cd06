import WeirCore
import WeirRegistry

/// The scanning configuration, and scans. This server has no source of vulnerabilities, and every scan's status says so.
struct ScanningOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "GetRegistryScanningConfiguration", may: .registry, get),
            AWSOperation(.ecr, "PutRegistryScanningConfiguration", may: .registry, put),
            AWSOperation(.ecr, "BatchGetRepositoryScanningConfiguration", may: .reading { try Self.demands($0, $1) }, batchGet),
            AWSOperation(.ecr, "StartImageScan", may: .repository, start),
            AWSOperation(.ecr, "DescribeImageScanFindings", may: .repository, findings),
        ]
    }

    private static let filterType = "WILDCARD"

    private func get(_ call: AWSCall) async throws -> JSONValue {
        let scanning = try await registry.settings.configuration(of: call.registry).scanning
        return [
            "registryId": .string(call.registry.account.description), "scanningConfiguration": Self.json(scanning),
        ]
    }

    private func put(_ call: AWSCall) async throws -> JSONValue {
        let kind = try call.input.optionalChoice("scanType", ScanningConfiguration.Kind.self) ?? .basic
        let rules = try call.input.optionalObjects("rules", count: 0...2)?.map { rule in
            ScanningConfiguration.Rule(
                frequency: try rule.choice("scanFrequency"),
                filters: try rule.required(
                    "repositoryFilters",
                    try RepositoryFilters.read(
                        rule, type: Self.filterType, count: 0...100, length: 1...255,
                        pattern: RepositoryFilters.scanning)))
        }
        let scanning = ScanningConfiguration(kind: kind, rules: rules ?? [])
        try await registry.settings.setScanning(scanning, of: call.registry)
        return ["registryScanningConfiguration": Self.json(scanning)]
    }

    private static func names(_ call: AWSCall) throws -> [RepositoryName] {
        try call.input.required(
            "repositoryNames",
            try call.input.optionalNouns(
                "repositoryNames", count: 1...25, length: AWSCall.nameLengths, pattern: AWSCall.namePattern
            ) { (text: String) throws(NameError) in try RepositoryName(text) })
    }

    private static func demands(_ call: AWSCall, _ action: String) throws -> [AccessDemand] {
        try names(call).map { AccessDemand(action, on: .repository($0, in: call.registry)) }
    }

    /// A missing repository fails by itself.
    private func batchGet(_ call: AWSCall) async throws -> JSONValue {
        let names = try Self.names(call)
        let home = call.registry
        let scanning = try await registry.settings.configuration(of: home).scanning
        var found: [JSONValue] = []
        var failures: [JSONValue] = []
        for name in names {
            guard let repository = try await registry.repositories.find(name, in: home) else {
                failures.append([
                    "repositoryName": .string(name.description), "failureCode": "REPOSITORY_NOT_FOUND",
                    "failureReason": .string(Refusal.repositoryNotFound(name, in: home).message),
                ])
                continue
            }
            let applied = scanning.applied(to: repository)
            found.append([
                "repositoryArn": .string(repository.arn), "repositoryName": .string(name.description),
                "scanOnPush": .bool(applied.scanOnPush), "scanFrequency": .string(applied.frequency.rawValue),
                "appliedScanFilters": RepositoryFilters.json(applied.filters, type: Self.filterType),
            ])
        }
        return ["scanningConfigurations": .array(found), "failures": .array(failures)]
    }

    private func start(_ call: AWSCall) async throws -> JSONValue {
        let id = try call.imageID()
        let (name, home) = try call.repository()
        let (image, scan) = try await registry.scans.start(id, in: name, of: home)
        return .about(name, in: home, ["imageId": .imageID(image), "imageScanStatus": Self.json(scan)])
    }

    private func findings(_ call: AWSCall) async throws -> JSONValue {
        let id = try call.imageID()
        let (name, home) = try call.repository()
        // Only checked: there are never findings, so there is one page.
        _ = try PageRequest(call.input, of: "DescribeImageScanFindings \(home) \(name)")
        let (image, scan) = try await registry.scans.scan(of: id, in: name, of: home)
        return .about(name, in: home, ["imageId": .imageID(image), "imageScanStatus": Self.json(scan)])
    }

    private static func json(_ scan: ImageScan) -> JSONValue {
        ["status": .string(scan.status), "description": .string(scan.reason)]
    }

    private static func json(_ scanning: ScanningConfiguration) -> JSONValue {
        [
            "scanType": .string(scanning.kind.rawValue),
            "rules": .array(
                scanning.rules.map { rule in
                    [
                        "scanFrequency": .string(rule.frequency.rawValue),
                        "repositoryFilters": RepositoryFilters.json(rule.filters, type: filterType),
                    ]
                }),
        ]
    }
}
