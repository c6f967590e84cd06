import WeirCore
import WeirRegistry
import WeirVault

/// Repositories: create, describe, delete, and set whether tags may move and whether pushes are scanned.
struct RepositoryOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "CreateRepository", may: .reading { try Self.creating($0, $1) }, create),
            AWSOperation(.ecr, "DescribeRepositories", may: .reading { try Self.describing($0, $1) }, describe),
            AWSOperation(.ecr, "DeleteRepository", may: .repository, delete),
            AWSOperation(.ecr, "PutImageTagMutability", may: .repository, setMutability),
            AWSOperation(.ecr, "PutImageScanningConfiguration", may: .repository, setScanning),
        ]
    }

    /// Tagging the new repository needs a right of its own.
    private static func creating(_ call: AWSCall, _ action: String) throws -> [AccessDemand] {
        let (name, home) = try call.repository()
        let tags = try call.resourceTags("tags") ?? []
        let own = (tags.isEmpty ? [action] : [action, "ecr:TagResource"]).map {
            AccessDemand($0, on: .repository(name, in: home), facts: Access.facts(giving: tags))
        }
        // ECR looks at a key of the customer's, and makes its grant, in the creator's name.
        let encryption = try call.input.optionalObject("encryptionConfiguration")
        guard let key = try encryption?.optionalString("kmsKey", length: 1...2_048), !key.isEmpty else { return own }
        var grant = KeyDemand(.named(key), in: home)
        grant.grant = RepositoryGrants.terms
        return own + [
            AccessDemand("kms:DescribeKey", on: .key(KeyDemand(.named(key), in: home)), via: "ecr"),
            AccessDemand("kms:CreateGrant", on: .key(grant), facts: ["kms:GrantIsForAWSResource": ["true"]], via: "ecr"),
        ]
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        let home = try call.askedRegistry()
        let name = try call.repositoryName()
        var settings = RepositorySettings()
        settings.tags = try call.resourceTags("tags") ?? []
        settings.mutability = try call.input.tagMutability() ?? .mutable
        settings.scanOnPush =
            try call.input.optionalObject("imageScanningConfiguration")?.optionalBool("scanOnPush") ?? false
        if let encryption = try call.input.optionalObject("encryptionConfiguration") {
            settings.encryption = try encryption.encryptionRequest(keyLengths: 1...2_048)
        }
        let repository = try await registry.repositories.create(name, in: home, settings: settings)
        return ["repository": .repository(repository, call.settings)]
    }

    private static func describing(_ call: AWSCall, _ action: String) throws -> [AccessDemand] {
        let home = try call.askedRegistry()
        guard let names = try call.repositoryNames("repositoryNames") else {
            return [AccessDemand(action, on: .repositories(in: home))]
        }
        return names.map { AccessDemand(action, on: .repository($0, in: home)) }
    }

    private func describe(_ call: AWSCall) async throws -> JSONValue {
        let home = try call.askedRegistry()
        if let names = try call.repositoryNames("repositoryNames") {
            try PageRequest.refuse(call.input, besides: "repositoryNames")
            let repositories = try await registry.repositories.describe(named: names, in: home)
            return ["repositories": .array(repositories.map { .repository($0, call.settings) })]
        }
        let page = try PageRequest(call.input, of: "DescribeRepositories")
        let found = try await registry.access.repositories(
            visibleTo: call.caller, in: home, after: page.after, limit: page.limit)
        return page.answer(found, as: "repositories") { .repository($0, call.settings) }
    }

    private func delete(_ call: AWSCall) async throws -> JSONValue {
        let home = try call.askedRegistry()
        let name = try call.repositoryName()
        let isForced = try call.input.optionalBool("force") ?? false
        let deleted = try await registry.repositories.delete(
            name, in: home, images: isForced ? .deletedToo : .refused)
        return ["repository": .repository(deleted, call.settings)]
    }

    private func setMutability(_ call: AWSCall) async throws -> JSONValue {
        let home = try call.askedRegistry()
        let name = try call.repositoryName()
        let mutability = try call.input.required("imageTagMutability", try call.input.tagMutability())
        let repository = try await registry.repositories.setMutability(mutability, of: name, in: home)
        return .about(
            name, in: home,
            [
                "imageTagMutability": .string(repository.mutability.setting.rawValue),
                "imageTagMutabilityExclusionFilters": .exclusionFilters(repository.mutability),
            ])
    }

    /// Stored and read back; nothing is scanned yet.
    private func setScanning(_ call: AWSCall) async throws -> JSONValue {
        let home = try call.askedRegistry()
        let name = try call.repositoryName()
        let scanOnPush = try call.input.object("imageScanningConfiguration").optionalBool("scanOnPush") ?? false
        let repository = try await registry.repositories.setScanOnPush(scanOnPush, of: name, in: home)
        return .about(
            name, in: home, ["imageScanningConfiguration": ["scanOnPush": .bool(repository.scanOnPush)]])
    }
}

/// ECR's `EncryptionType`.
enum EncryptionType: String, CaseIterable {
    case aes256 = "AES256"
    case kms = "KMS"
    case kmsDSSE = "KMS_DSSE"
}

extension Parameters {
    /// `encryptionConfiguration`: the requested encryption, as far as its text can be checked.
    func encryptionRequest(keyLengths: ClosedRange<Int>, pattern: Pattern? = nil) throws -> EncryptionRequest {
        let type = try choice("encryptionType", EncryptionType.self)
        let key = try optionalString("kmsKey", length: keyLengths, pattern: pattern).flatMap { $0.isEmpty ? nil : $0 }
        switch type {
        case .kms: return .kms(key: key)
        case .aes256:
            guard key == nil else {
                throw Refusal.invalidParameter(
                    "encryptionConfiguration", "A KMS key can only be specified with encryption type KMS")
            }
            return .aes256
        case .kmsDSSE:
            // As in every region of AWS but GovCloud.
            throw Refusal.invalidParameter(
                "encryptionConfiguration", "Encryption type KMS_DSSE is not supported in this region")
        }
    }
}
