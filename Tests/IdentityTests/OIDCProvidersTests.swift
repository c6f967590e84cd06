import Testing
import WeirCore
import WeirIdentity

@Suite struct OIDCProvidersTests {
    private static let url = "https://token.actions.githubusercontent.com"
    private static let arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"

    private func create(
        _ room: PolicyRoom, _ url: String = url, clientIDs: [String] = ["sts.amazonaws.com"], thumbprints: [String] = []
    ) async throws -> OIDCProvider {
        try await room.providers.create(url, clientIDs: clientIDs, thumbprints: thumbprints, tags: [], in: room.account)
    }

    @Test func aProviderIsFoundByItsIssuerExactly() async throws {
        let room = try await PolicyRoom()
        let made = try await create(room, "https://ID.example/Realms/a/")
        #expect(made.arn() == "arn:aws:iam::111122223333:oidc-provider/ID.example/Realms/a/")
        #expect(try await room.providers.provider(issuer: "https://ID.example/Realms/a/", in: room.account) == made)
        for other in [
            "https://ID.example/Realms/a", "https://id.example/Realms/a/", "http://ID.example/Realms/a/", "ID.example/Realms/a/",
            "",
            "https://ID.example/Realms/a/?x",
        ] {
            #expect(try await room.providers.provider(issuer: other, in: room.account) == nil, "\(other)")
        }
        #expect(try await room.providers.provider(issuer: made.url, in: AccountID("444455556666")) == nil)
        #expect(try await room.providers.provider(arn: made.arn(partition: "aws-cn")) == made)
        #expect(
            try await PolicyRoom.refusal { _ = try await create(room, "https://id.EXAMPLE/realms/a/") }
                == "entityAlreadyExists: Provider with url https://id.EXAMPLE/realms/a/ already exists.")
    }

    @Test func oneThatIsMadeAgainIsAnother() async throws {
        let room = try await PolicyRoom()
        let first = try await create(room)
        try await room.providers.setKeySet(#"{"keys":[]}"#, of: Self.arn, in: room.account)
        try await room.providers.delete(Self.arn, in: room.account)
        #expect(
            try await PolicyRoom.refusal { try await room.providers.delete(Self.arn, in: room.account) }
                == "noSuchEntity: OpenId connect Provider \(Self.arn) cannot be found.")
        #expect(
            try await PolicyRoom.refusal { _ = try await room.providers.provider(arn: Self.arn, in: room.account) }
                == "noSuchEntity: OpenIDConnect Provider not found for arn \(Self.arn)")
        let second = try await create(room)
        #expect(first.id != second.id && second.keySet == nil)
    }

    @Test(
        "A URL that is none",
        arguments: [
            "http://a.example", "https://", "https:///x", "a.example", "https://a b.example", "https://a.example?x=y",
            "https://a.example#f", "https://u:p@a.example", "https://a.example/*", "https://a.example/${x}", "https://*.example",
            "https://a.example:port", "https://a.example:1:2", "https://a.example/\u{0}", "https://ä.example",
            "HTTPS://a.example",
            "https://a.example/" + String(repeating: "a", count: 240),
        ])
    func url(text: String) async throws {
        let room = try await PolicyRoom()
        #expect(
            try await PolicyRoom.refusal { _ = try await create(room, text) }
                == "validation: Invalid Open ID Connect Provider URL")
    }

    @Test func urlsOfIssuersThatThereAre() async throws {
        let room = try await PolicyRoom()
        for url in [
            Self.url, "https://gitlab.example.com:8443", "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF",
            "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0", "https://kubernetes.default.svc",
        ] { _ = try await create(room, url) }
        #expect(try await room.providers.list(in: room.account).count == 5)
    }

    @Test func audiencesAndThumbprints() async throws {
        let room = try await PolicyRoom()
        let print = String(repeating: "aB", count: 20)
        #expect(
            try await PolicyRoom.refusal { _ = try await create(room, thumbprints: Array(repeating: print, count: 6)) }
                == "iamInvalidInput: Thumbprint list must contain fewer than 5 entries.")
        #expect(
            try await PolicyRoom.refusal { _ = try await create(room, thumbprints: [String(repeating: "x", count: 40)]) }?
                .hasPrefix("iamInvalidInput: ") == true)
        _ = try await create(room, clientIDs: ["a", "a"], thumbprints: [print])
        for id in ["b", "a", "b"] { try await room.providers.addClientID(id, to: Self.arn, in: room.account) }
        #expect(try await room.providers.provider(arn: Self.arn)?.clientIDs == ["a", "b"])
        for id in ["a", "zzz"] { try await room.providers.removeClientID(id, from: Self.arn, in: room.account) }
        for number in 1...99 { try await room.providers.addClientID("c\(number)", to: Self.arn, in: room.account) }
        #expect(
            try await PolicyRoom.refusal { try await room.providers.addClientID("more", to: Self.arn, in: room.account) }
                == "iamLimitExceeded: Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100")
        try await room.providers.setThumbprints([], of: Self.arn, in: room.account)
        try await room.providers.tag(Self.arn, [ResourceTag(key: "k", value: "v")], in: room.account)
        let provider = try #require(try await room.providers.provider(arn: Self.arn))
        #expect(provider.clientIDs.count == 100 && provider.thumbprints.isEmpty && provider.tags.map(\.key) == ["k"])
        try await room.providers.untag(Self.arn, ["k", "l"], in: room.account)
        #expect(try await room.providers.provider(arn: Self.arn)?.tags == [])
    }

    @Test func aKeySetIsOne() async throws {
        let room = try await PolicyRoom()
        _ = try await create(room)
        for text in ["", "{}", "[]", #"{"keys":{}}"#, #"{"keys":["#, String(repeating: "[", count: 60_000)] {
            #expect(
                try await PolicyRoom.refusal { try await room.providers.setKeySet(text, of: Self.arn, in: room.account) }?
                    .hasPrefix("validation: ") == true)
        }
        try await room.providers.setKeySet(#"{"keys":[{"kty":"RSA"}]}"#, of: Self.arn, in: room.account)
        #expect(try await room.providers.provider(arn: Self.arn)?.keySet == #"{"keys":[{"kty":"RSA"}]}"#)
        try await room.providers.setKeySet(nil, of: Self.arn, in: room.account)
        #expect(try await room.providers.provider(arn: Self.arn)?.keySet == nil)
    }

    @Test func anotherAccountsAreUnknown() async throws {
        let room = try await PolicyRoom()
        _ = try await create(room)
        let other = try AccountID("444455556666")
        #expect(
            try await PolicyRoom.refusal { try await room.providers.addClientID("x", to: Self.arn, in: other) }
                == "noSuchEntity: OpenIDConnect Provider not found for arn \(Self.arn)")
        #expect(try await room.providers.list(in: other).isEmpty)
        for text in ["arn:aws:iam::111122223333:saml-provider/x", "x", "arn:other:iam::111122223333:oidc-provider/a.example"] {
            #expect(try await room.providers.provider(arn: text) == nil)
        }
    }
}

@Suite struct AccountAliasesTests {
    @Test func anAliasIsOfOneAccount() async throws {
        let room = try await PolicyRoom()
        let (aliases, other) = (AccountAliases(store: room.store), try AccountID("444455556666"))
        #expect(try await aliases.alias(of: room.account) == nil)
        try await aliases.set("first", of: room.account)
        try await aliases.set("second", of: room.account)
        #expect(try await aliases.alias(of: room.account) == "second")
        try await aliases.set("first", of: other)
        #expect(
            try await PolicyRoom.refusal { try await aliases.set("second", of: other) }
                == "entityAlreadyExists: The account alias second already exists.")
        #expect(
            try await PolicyRoom.refusal { try await aliases.delete("first", of: room.account) }
                == "noSuchEntity: The Account Alias with name first cannot be found.")
        try await aliases.delete("second", of: room.account)
        #expect(try await aliases.alias(of: room.account) == nil)
    }
}
