import Testing
import WeirCore
import WeirWeb

/// The options of a cache rule, as their operator sets and reads them.
@Suite struct RuleOptionTests {
    private let aws: TestAWS

    init() async throws {
        aws = try await TestAWS()
        try await aws.call(
            "CreatePullThroughCacheRule", ["ecrRepositoryPrefix": "cache", "upstreamRegistryUrl": "public.ecr.aws"])
    }

    private func input(_ options: JSONValue) -> JSONValue {
        guard case .object(var members) = options else { return options }
        members["ecrRepositoryPrefix"] = "cache"
        return .object(members)
    }

    private func set(_ options: JSONValue) async throws -> JSONValue? {
        try await aws.call("SetRuleOptions", input(options), of: .weir)["rule"]?["options"]
    }

    private func refusal(_ options: JSONValue) async throws -> String {
        try await aws.refusal("SetRuleOptions", input(options), of: .weir)
    }

    private static let unset: JSONValue = ["pinnedTags": [], "fetch": "requested", "tags": "local", "plainHTTP": false]

    @Test func aRuleHasTheServersOwnUntilItIsSetAndAgainAfterAReset() async throws {
        let given: JSONValue = [
            "freshnessSeconds": 60, "referrersFreshnessSeconds": 0, "pinnedTags": ["v*"], "platforms": ["linux/arm64"],
            "tags": "merged", "connections": 3, "requestsPerSecond": 2.5, "bytesPerSecond": 4_096,
        ]
        #expect(try await set([:]) == Self.unset)
        let told = given.adding(["fetch": "platforms", "plainHTTP": false])
        #expect(try await set(given) == told)
        #expect(try await aws.call("DescribeRule", input([:]), of: .weir)["rule"]?["options"] == told)
        let names = RuleOption.all.map(\.member).filter { told[$0] != nil }
        for name in names {
            let kept = try #require(try await set(["reset": .array([.string(name)])]))
            #expect(kept[name] == Self.unset[name], "\(name)")
        }
        #expect(try await set([:]) == Self.unset)
    }

    @Test func aWordForWhatIsFetchedGoesBeforeAListOfPlatforms() async throws {
        let platforms: JSONValue = ["linux/amd64"]
        #expect(try await set(["fetch": "platforms", "platforms": platforms])?["platforms"] == platforms)
        #expect(try await set(["fetch": "all", "platforms": platforms])?["fetch"] == "all")
        #expect(try await set(["platforms": platforms])?["fetch"] == "platforms")
        #expect(try await set(["fetch": "requested"])?["platforms"] == nil)
        #expect(
            try await refusal(["fetch": "platforms"])
                == "InvalidParameterException: 1 validation error detected: Value null at 'platforms' failed to satisfy constraint: Member must not be null"
        )
    }

    @Test(
        "What cannot be is refused in the service's words",
        arguments: [
            (["freshnessSeconds": -1], "at 'freshnessSeconds' failed to satisfy constraint: Member must have value greater"),
            (["freshnessSeconds": 31_536_001], "Value '31536001' at 'freshnessSeconds' failed"),
            (["connections": 0], "Value '0' at 'connections' failed"),
            (["bytesPerSecond": 7], "bytesPerSecond must be at least 1024"),
            (["requestsPerSecond": 0], "requestsPerSecond must be greater than 0"),
            (["requestsPerSecond": "x"], "parameter at 'requestsPerSecond' failed to satisfy constraint: 'must be a number'"),
            (
                ["platforms": []],
                "at 'platforms' failed to satisfy constraint: Member must have length greater than or equal to 1"
            ),
            (["platforms": ["linux"]], "fetch: 'linux' is not a platform such as linux/arm64 or linux/arm/v7"),
            (["pinnedTags": ["a b"]], "pinnedTags: 'a b' is not a tag with '*' for any characters"),
            (["tags": "some"], "'Member must satisfy enum value set: [local, merged]'"),
            (["fetch": "some"], "'Member must satisfy enum value set: [requested, all, platforms]'"),
            (["plainHTTP": true], "plainHTTP is not for ecr-public, which speaks TLS"),
            (["pathPrefix": "/x"], "pathPrefix is not for ecr-public, whose paths begin with /v2/"),
            (["reset": ["pin"]], "there is no option 'pin'. There are freshnessSeconds, referrersFreshnessSeconds, pinnedTags"),
        ] as [(JSONValue, String)])
    func wrong(options: JSONValue, told: String) async throws {
        let refusal = try await refusal(options)
        #expect(refusal.contains(told), "\(refusal)")
        #expect(try await set([:]) == Self.unset)
    }
}
