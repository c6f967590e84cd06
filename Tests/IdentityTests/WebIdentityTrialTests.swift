import ConformanceSuites
import Testing
import WeirCore
import WeirIdentity
import WeirStorage

/// `weir oidc test` and `weir oidc keys`, below the API.
@Suite struct WebIdentityTrialTests {
    private struct House {
        let store: IdentityStore
        let records: EntityRecords
        let account: AccountID
        let region: Region

        init() async throws {
            let database = StrictDatabase(try SQLiteDatabase.inMemory())
            try await database.migrate(IdentitySchema.migrations)
            store = IdentityStore(database: database, clock: WallClock { Minting.now })
            records = EntityRecords(store: store)
            account = try AccountID("111122223333")
            region = try Region("us-east-2")
            _ = try await database.write { [account] sql in
                try sql.execute(
                    """
                    INSERT INTO iam_entity (id, account, kind, name, folded_name, path, created_at, changed_at, tags)
                    VALUES ('AOPAAAAAAAAAAAAAAAAAA', $1, 'oidc-provider', $2, $2, '/', 1, 1, '{}')
                    """, [.text(account), .text(String(Minting.issuer.dropFirst(8)))])
                try sql.execute(
                    """
                    INSERT INTO iam_oidc_provider (id, url, client_ids, thumbprints)
                    VALUES ('AOPAAAAAAAAAAAAAAAAAA', $1, '["sts.amazonaws.com"]', '[]')
                    """, [.text(Minting.issuer)])
            }
        }

        var role: Entity {
            Entity(id: "AROAAAAAAAAAAAAAAAAAA", account: account, kind: .role, name: "ci", createdAt: Minting.now)
        }

        func trust(_ subject: String) throws -> PolicyDocument {
            try PolicyDocument(
                """
                {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity",
                "Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/issuer.example/realm"},
                "Condition":{"StringLike":{"issuer.example/realm:sub":"\(subject)"}}}]}
                """, as: .trust)
        }

        func run(
            _ token: String, subject: String = "repo:o/*", hasRole: Bool = true, issuer: any IssuerKeys = FakeIssuer()
        ) async throws -> WebIdentityTrial.Outcome {
            let tokens = WebTokens(keySets: IssuerKeySets(port: issuer, clock: WallClock { Minting.now }))
            return try await WebIdentityTrial(records: records, tokens: tokens).run(
                token, for: hasRole ? role : nil, trust: hasRole ? trust(subject) : nil, in: account, region: region,
                at: Minting.now)
        }
    }

    @Test func aTokenThatMayAndOneOfAnotherSubject() async throws {
        let house = try await House()
        let may = try await house.run(Minting.token())
        #expect(may.isAllowed && may.steps.allSatisfy { $0.outcome == .passed })
        let other = try await house.run(Minting.token(), subject: "repo:another/*")
        #expect(!other.isAllowed && other.steps.allSatisfy { $0.outcome == .passed })
        let text = other.decisions.flatMap { $0.lines() }.map(\.text).joined(separator: "\n")
        #expect(text.contains("repo:another/*") && text.contains("repo:o/r:ref:refs/heads/main"), "\(text)")
    }

    @Test func tagsNeedTheirOwnRight() async throws {
        let house = try await House()
        let token = try Minting.token([
            "https://aws.amazon.com/tags": #"{"principal_tags":{"team":["a"]}}"#,
            "https://aws.amazon.com/source_identity": #""ann""#,
        ])
        let outcome = try await house.run(token)
        #expect(
            outcome.decisions.map(\.request.action) == [
                "sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity",
            ])
        #expect(outcome.decisions.map(\.decision.isAllowed) == [true, false, false] && !outcome.isAllowed)
    }

    @Test func aTokenThatIsRefusedIsNotAskedAbout() async throws {
        let house = try await House()
        for token in ["x", try Minting.token(["aud": #""other""#]), try Minting.token(["exp": "1"])] {
            let outcome = try await house.run(token)
            #expect(!outcome.isAllowed && outcome.decisions.isEmpty && outcome.verified == nil)
            #expect(outcome.steps.contains { $0.outcome == .failed })
        }
        let roleless = try await house.run(Minting.token(), hasRole: false)
        #expect(!roleless.isAllowed && roleless.verified != nil)
    }

    @Test func keysThatAreGivenAreAskedInPlaceOfTheIssuer() async throws {
        let house = try await House()
        let found = try await house.records.find(.oidcProvider, named: "issuer.example/realm", in: house.account)
        let provider = try #require(found)
        let keys = ProviderKeys(store: house.store)
        for text in ["", "{}", #"{"keys":[]}"#, #"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, "[1]"] {
            await #expect(throws: Refusal.self) { _ = try await keys.set(text, of: provider) }
        }
        #expect(try await house.run(Minting.token(), issuer: NoIssuerKeys()).isAllowed == false)
        #expect(try await keys.set(String(decoding: Minting.keys, as: UTF8.self), of: provider) > 1)
        #expect(try await house.run(Minting.token(), issuer: NoIssuerKeys()).isAllowed)
        #expect(try await keys.set(nil, of: provider) == 0)
        #expect(try await house.run(Minting.token(), issuer: NoIssuerKeys()).isAllowed == false)
    }
}
