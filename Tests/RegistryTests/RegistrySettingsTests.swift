import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry

@Suite struct RegistrySettingsTests {
    private let test: TestRegistry
    private let name: RepositoryName
    private let foreigner: Caller

    init() async throws {
        test = try await TestRegistry()
        name = try RepositoryName("team/app")
        foreigner = Caller.root(of: try AccountID("444455556666"))
    }

    private var settings: RegistrySettings { test.registry.settings }

    private func may(_ caller: Caller, _ action: String, on name: RepositoryName? = nil) async throws -> Bool {
        do {
            try await test.registry.access.permit(caller, action, on: name, in: test.id)
            return true
        } catch let refusal as Refusal where refusal.reason == .accessDenied {
            return false
        }
    }

    private static func policy(_ effect: String, _ principal: String, _ action: String, _ resource: String = "*") -> String {
        """
        {"Version":"2012-10-17","Statement":[{"Sid":"x","Effect":"\(effect)","Principal":\(principal),\
        "Action":"\(action)","Resource":"\(resource)"}]}
        """
    }

    // MARK: Policy

    @Test func aRegistryPolicyLetsAnotherAccountDoWhatIsNotThereYet() async throws {
        let below = "arn:aws:ecr:us-east-2:111122223333:repository/team/*"
        #expect(try await !may(foreigner, "ecr:CreateRepository", on: name))
        try await settings.setPolicy(
            Self.policy("Allow", #"{"AWS":"444455556666"}"#, "ecr:CreateRepository", below), of: test.id)
        #expect(try await may(foreigner, "ecr:CreateRepository", on: name))
        #expect(try await !may(foreigner, "ecr:CreateRepository", on: RepositoryName("other/app")))
        #expect(try await !may(foreigner, "ecr:BatchImportUpstreamImage", on: name))
        _ = try await settings.deletePolicy(of: test.id)
        #expect(try await !may(foreigner, "ecr:CreateRepository", on: name))
    }

    @Test func aDenyOfTheRegistryWinsOverTheRepositorysAllow() async throws {
        _ = try await test.registry.repositories.create(
            name, in: test.id,
            settings: RepositorySettings(policy: Self.policy("Allow", #""*""#, "ecr:BatchGetImage")))
        #expect(try await may(foreigner, "ecr:BatchGetImage", on: name))
        try await settings.setPolicy(Self.policy("Deny", #""*""#, "ecr:BatchGetImage"), of: test.id)
        #expect(try await !may(foreigner, "ecr:BatchGetImage", on: name))
        #expect(try await !may(test.caller, "ecr:BatchGetImage", on: name))
        #expect(try await may(test.caller, "ecr:PutImage", on: name))
    }

    @Test func nobodyLocksTheOwnerOutForEver() async throws {
        try await settings.setPolicy(Self.policy("Deny", #""*""#, "ecr:*"), of: test.id)
        #expect(try await !may(test.caller, "ecr:DescribeRegistry"))
        for action in ["ecr:GetRegistryPolicy", "ecr:PutRegistryPolicy", "ecr:DeleteRegistryPolicy"] {
            #expect(try await may(test.caller, action))
            #expect(try await !may(foreigner, action))
        }
    }

    @Test func aFirstPullNeedsWhatTheRegistryPolicyGives() async throws {
        try await test.rule()
        test.upstream.addImage(to: "team/app", tags: ["1"], layer: noise(1_000))
        let cached = try RepositoryName("ecr-public/team/app")
        let pull = { [test, foreigner] () async throws -> Bool in
            do {
                _ = try await test.registry.pulls.manifests.pull(.tag(try Tag("1")), in: cached, of: test.id, for: foreigner)
                return true
            } catch let refusal as Refusal where refusal.reason == .accessDenied {
                return false
            }
        }
        #expect(try await !pull())
        try await settings.setPolicy(
            Self.policy("Allow", #"{"AWS":"444455556666"}"#, "ecr:BatchImportUpstreamImage"), of: test.id)
        #expect(try await !pull())
        try await settings.setPolicy(
            #"{"Statement":{"Effect":"Allow","Principal":"*","Resource":"*","Action":["ecr:BatchImportUpstreamImage","ecr:CreateRepository"]}}"#,
            of: test.id)
        #expect(try await pull())
    }

    @Test(arguments: [
        "", "{", #"{"Statement":[]}"#, policy("Allow", #""*""#, "ecr:NoSuchAction"), policy("Allow", #""*""#, "s3:GetObject"),
        policy("Allow", #""*""#, "ecr:Nothing*"),
    ])
    func whatIsNoPolicyOfECRIsRefused(_ text: String) async throws {
        let refusal = await #expect(throws: Refusal.self) { try await settings.setPolicy(text, of: test.id) }
        #expect(
            refusal?.message
                == "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid registry policy provided'")
        _ = try await test.registry.repositories.create(name, in: test.id, settings: RepositorySettings())
        let other = await #expect(throws: Refusal.self) {
            try await test.registry.repositories.setPolicy(
                text, of: name, in: test.id, by: test.caller, lockout: .refused)
        }
        #expect(other?.reason == .invalidParameter)
    }

    @Test(
        "A repository's policy names no Resource, and a registry's must",
        arguments: [
            (#""Resource":"*","#, true), (#""Resource":"arn:aws:ecr:us-east-2:111122223333:repository/team/app","#, true),
            (#""Resource":"arn:aws:ecr:us-east-2:111122223333:repository/another","#, true),
            (#""NotResource":"arn:aws:ecr:*:*:repository/x","#, true),
            ("", false),
        ])
    func whatAPolicyHangsOnDecides(resource: String, namesOne: Bool) async throws {
        let text =
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",RESOURCE"Action":"ecr:BatchGetImage"}]}"#
            .replacing("RESOURCE", with: resource)
        _ = try await test.registry.repositories.create(name, in: test.id, settings: RepositorySettings())
        let repository = await refusal {
            _ = try await test.registry.repositories.setPolicy(text, of: name, in: test.id, by: test.caller, lockout: .accepted)
        }
        let template = await refusal {
            _ = try await test.registry.templates.create(
                TemplateDraft(
                    prefix: Prefix("t", lengths: CreationTemplate.prefixLengths), repositoryPolicy: text,
                    appliedFor: [.replication]), in: test.id)
        }
        for (told, member) in [(repository, "PolicyText"), (template, "repositoryPolicy")] {
            #expect(
                told?.message
                    == (namesOne
                        ? "Invalid parameter at '\(member)' failed to satisfy constraint: 'Invalid repository policy provided'"
                        : nil))
        }
        let registry = await refusal { try await settings.setPolicy(text, of: test.id) }
        #expect(registry?.message.contains("Invalid registry policy provided") == (namesOne ? nil : true))
    }

    @Test func aTemplateOfAnEarlierVersionIsAppliedAsItStands() async throws {
        let text = Self.policy("Allow", #""*""#, "ecr:BatchGetImage")
        _ = try await test.registry.repositories.create(name, in: test.id, settings: RepositorySettings(policy: text))
        #expect(try await test.registry.repositories.policy(of: name, in: test.id) == text)
    }

    /// The limit is 10,240 characters, whatever their size in bytes.
    @Test func aPolicyIsMeasuredInCharacters() async throws {
        let sid = String(repeating: "規", count: 4_000)
        let text = #"{"Statement":[{"Sid":"\#(sid)","Effect":"Allow","Principal":"*","Resource":"*","Action":"ecr:*"}]}"#
        try await settings.setPolicy(text, of: test.id)
        #expect(try await settings.policy(of: test.id) == text)
        let long = text.replacing(sid, with: String(repeating: "規", count: 10_240))
        #expect(await refusal { try await settings.setPolicy(long, of: test.id) }?.reason == .invalidParameter)
    }

    @Test func aDenyThatShutsItsAuthorOutIsKnown() async throws {
        let access = test.registry.access
        func shuts(_ effect: String, _ action: String, _ resource: String) throws -> Bool {
            access.shutsOut(
                test.caller, by: try PolicyDocument(Self.policy(effect, #""*""#, action, resource)), of: test.id)
        }
        #expect(try shuts("Deny", "ecr:*", "*") && shuts("Deny", "*", "arn:aws:ecr:us-east-2:111122223333:repository/*"))
        #expect(try shuts("Deny", "ecr:BatchGetImage", "*"))
        #expect(try !shuts("Allow", "ecr:*", "*") && !shuts("Deny", "ecr:DeleteRepository", "*"))
        #expect(try !shuts("Deny", "ecr:*", "arn:aws:ecr:us-east-2:111122223333:repository/team/*"))
    }

    @Test(arguments: [
        ("*", true), ("arn:aws:ecr:us-east-2:111122223333:repository/*", true), ("arn:aws:ecr:*:*:repository/a", true),
        ("arn:*:ecr:us-*:1111????3333:repo*", true), ("arn:aws:ecr:us-east-2:*:repository/a:b", true),
        ("arn:aws:ecr:us-west-2:111122223333:repository/*", false), ("arn:aws:ecr:us-east-2:444455556666:repository/*", false),
        ("arn:aws:s3:us-east-2:111122223333:repository/*", false), ("arn:aws:ecr:us-east-2:111122223333:registry/x", false),
        ("arn:aws:ecr:us-east-2:111122223333:repository/", false),
    ])
    func aResourceOfAnotherRegistryIsKnown(resource: String, mayHold: Bool) throws {
        let policy = try PolicyDocument(Self.policy("Deny", #""*""#, "ecr:*", resource))
        #expect(policy.statementsBeyond(test.id) == (mayHold ? [] : ["'x'"]))
    }

    private func refusal(_ body: () async throws -> Void) async -> Refusal? {
        do {
            try await body()
            return nil
        } catch { return error as? Refusal }
    }

    // MARK: Settings

    @Test func accountSettingsHaveECRsDefaultsAndOneRegistryIsNotAnother() async throws {
        let elsewhere = RegistryID(account: test.id.account, region: try Region("eu-west-1"))
        #expect(try await !settings.allowsBlobMounting(in: test.id))
        try await settings.set(.blobMounting, to: "ENABLED", of: test.id)
        #expect(try await settings.allowsBlobMounting(in: test.id))
        #expect(try await !settings.allowsBlobMounting(in: elsewhere))
        for (setting, value) in [
            (AccountSetting.registryPolicyScope, "V1"), (.basicScanTypeVersion, "CLAIR"), (.blobMounting, "on"),
        ] {
            await #expect(throws: Refusal.self) { try await settings.set(setting, to: value, of: test.id) }
        }
        #expect(try await settings.configuration(of: test.id).value(of: .registryPolicyScope) == "V2")
    }

    @Test func scanningFiltersChooseAsTheGuideSays() async throws {
        let cases: [(filter: String, names: [String])] = [
            ("prod", ["prod", "repo-prod", "prod-repo", "repo-prod-repo", "prodrepo"]), ("*prod", ["prod", "repo-prod"]),
            ("prod*", ["prod", "prod-repo", "prodrepo"]), ("prod*repo", ["prod-repo", "prodrepo"]),
        ]
        let names = ["prod", "repo-prod", "prod-repo", "repo-prod-repo", "prodrepo"]
        for (filter, wanted) in cases {
            let scanning = ScanningConfiguration(kind: .basic, rules: [.init(frequency: .scanOnPush, filters: [filter])])
            for text in names {
                let repository = Repository(
                    id: 1, registry: test.id, name: try RepositoryName(text), createdAt: test.now, mutability: .mutable,
                    scanOnPush: false, encryption: .aes256)
                #expect(
                    scanning.applied(to: repository).frequency == (wanted.contains(text) ? .scanOnPush : .manual),
                    "\(filter) \(text)")
            }
        }
    }

    @Test func aContinuousScanWinsAndBasicScanningHasNone() async throws {
        let rules: [ScanningConfiguration.Rule] = [
            .init(frequency: .scanOnPush, filters: ["app"]), .init(frequency: .continuousScan, filters: ["team/*"]),
        ]
        try await settings.setScanning(ScanningConfiguration(kind: .enhanced, rules: rules), of: test.id)
        let repository = Repository(
            id: 1, registry: test.id, name: name, createdAt: test.now, mutability: .mutable, scanOnPush: false,
            encryption: .aes256)
        let applied = try await settings.configuration(of: test.id).scanning.applied(to: repository)
        #expect(applied.frequency == .continuousScan && applied.filters == ["team/*"] && !applied.scanOnPush)
        await #expect(throws: Refusal.self) {
            try await settings.setScanning(ScanningConfiguration(kind: .basic, rules: rules), of: test.id)
        }
    }

    // MARK: Pull times

    @Test func anExcludedPrincipalsPullsAreNotRecorded() async throws {
        _ = try await test.registry.repositories.create(name, in: test.id, settings: RepositorySettings())
        let config = try await test.push(ByteBuffer(string: "{}"), to: "team/app")
        _ = try await test.registry.images.put(
            ByteBuffer(string: Manifests.image(config: config, size: 2)), contentType: nil, as: .tag(try Tag("1")),
            in: name, of: test.id)
        let scanner = Caller.user(IAMIdentity(id: "AROASCANNER", arn: "arn:aws:iam::111122223333:role/scanner", name: "scanner"), of: test.id.account)
        _ = try await settings.exclude(scanner.principalARN, in: test.id)
        let pulled = { [test, name] (caller: Caller) async throws -> Timestamp? in
            _ = try await test.registry.pulls.manifests.pull(.tag(try Tag("1")), in: name, of: test.id, for: caller)
            await test.registry.pullTimes.flush()
            return try await test.registry.images.describe(
                [ImageIDRequest(digest: nil, tag: "1")], in: name, of: test.id
            ).first?.lastPulledAt
        }
        #expect(try await pulled(scanner) == nil)
        #expect(try await pulled(test.caller) == test.now)
        try await settings.include(scanner.principalARN, in: test.id)
        test.pass(.seconds(60))
        #expect(try await pulled(scanner) == test.now)
    }

    @Test func exclusionsAreListedAndLimited() async throws {
        let arn = { (number: Int) in "arn:aws:iam::111122223333:role/r\(number < 10 ? "00" : number < 100 ? "0" : "")\(number)" }
        for number in 0..<100 { _ = try await settings.exclude(arn(number), in: test.id) }
        let twice = await #expect(throws: Refusal.self) { try await settings.exclude(arn(5), in: test.id) }
        #expect(twice?.reason == .exclusionAlreadyExists)
        let more = await #expect(throws: Refusal.self) { try await settings.exclude(arn(100), in: test.id) }
        #expect(more?.reason == .limitExceeded)
        let page = try await settings.exclusions(of: test.id, after: arn(97), limit: 1)
        #expect(page.items.map(\.principalARN) == [arn(98)] && page.next == arn(98))
        try await settings.include(arn(5), in: test.id)
        let gone = await #expect(throws: Refusal.self) { try await settings.include(arn(5), in: test.id) }
        #expect(gone?.reason == .exclusionNotFound)
    }

    // MARK: Scans

    @Test func aScanSaysThatNothingIsKnown() async throws {
        _ = try await test.registry.repositories.create(name, in: test.id, settings: RepositorySettings())
        let config = try await test.push(ByteBuffer(string: "{}"), to: "team/app")
        let image = try await test.registry.images.put(
            ByteBuffer(string: Manifests.image(config: config, size: 2)), contentType: nil, as: .tag(try Tag("1")),
            in: name, of: test.id)
        let list = try await test.registry.images.put(
            ByteBuffer(string: Manifests.index([(image.digest, Manifests.image(config: config, size: 2).utf8.count)])),
            contentType: nil, as: .tag(try Tag("list")), in: name, of: test.id)
        let id = ImageIDRequest(digest: nil, tag: "1")
        let unasked = await #expect(throws: Refusal.self) {
            try await test.registry.scans.scan(of: id, in: name, of: test.id)
        }
        #expect(unasked?.reason == .scanNotFound)
        let scan = try await test.registry.scans.start(id, in: name, of: test.id).scan
        #expect(scan.status == "FAILED" && scan.reason.contains("not scanned"))
        #expect(try await test.registry.scans.scan(of: id, in: name, of: test.id).image.digest == image.digest)
        let unsupported = await #expect(throws: Refusal.self) {
            try await test.registry.scans.start(
                ImageIDRequest(digest: "\(list.digest)", tag: nil), in: name, of: test.id)
        }
        #expect(unsupported?.reason == .unsupportedImageType)
    }
}
