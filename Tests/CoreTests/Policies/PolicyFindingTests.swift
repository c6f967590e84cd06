import Testing
import WeirCore

@Suite struct PolicyFindingTests {
    private static func kinds(
        _ statements: String, _ grammar: PolicyGrammar = .identity, organization: Bool = false
    ) throws -> [PolicyFinding.Kind] {
        let document = try PolicyDocument(#"{"Version":"2012-10-17","Statement":[\#(statements)]}"#, as: grammar)
        let findings = document.findings(as: grammar, organization: organization)
        for finding in findings { #expect(finding.text.contains(finding.statement) && finding.text.hasSuffix(".")) }
        var seen: Set<PolicyFinding.Kind> = []
        return findings.map(\.kind).filter { seen.insert($0).inserted }
    }

    private static let repository = #""Resource":"arn:aws:ecr:us-east-1:111122223333:repository/a""#
    private static let github =
        #""Principal":{"Federated":"arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"},"#
        + #""Action":"sts:AssumeRoleWithWebIdentity""#

    @Test(
        "What an author is told",
        arguments: [
            (
                #"{"Effect":"Allow","Action":"ecr:GetAuthorizationToken",\#(repository)}"#,
                [PolicyFinding.Kind.authorizationTokenOnRepository]
            ),
            (#"{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}"#, []),
            (
                #"{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:PutImage"],\#(repository)},{"Effect":"Allow","Action":"ecr:Get*","Resource":"*"}"#,
                []
            ),
            (
                #"{"Effect":"Allow","Action":"ecr:CreateRepository","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}}"#,
                [.forAllValuesInAllow]
            ),
            (
                #"{"Effect":"Allow","Action":"ecr:CreateRepository","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":"a"},"Null":{"aws:TagKeys":false}}}"#,
                []
            ),
            (
                #"{"Effect":"Deny","Action":"ecr:CreateRepository","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}}"#,
                []
            ),
            (#"{"Effect":"Allow","Action":"iam:PassRole","Resource":"*"}"#, [.passRoleOnEverything]),
            (#"{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::111122223333:role/a"}"#, []),
            (
                #"{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ecr.amazonaws.com"}}}"#,
                []
            ),
            (#"{"Effect":"Allow","Action":"*","Resource":"*"}"#, []),
            (
                #"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpc":"v"}}}"#,
                [.neverFilledKey]
            ),
            (
                #"{"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:*:*:repository/${aws:SourceVpce}"}"#,
                [.neverFilledKey]
            ),
            (#"{"Effect":"Allow","Action":"ecr:SetRepositoryPolicy","Resource":"*"}"#, [.resourcePolicyWriter]),
            (#"{"Effect":"Allow","Action":"ecr:SetRepositoryPolicy",\#(repository)}"#, []),
            (#"{"Effect":"Allow","Action":"iam:Attach*","Resource":"*"}"#, [.escalation]),
            (#"{"Effect":"Allow","Action":"iam:*","Resource":"*"}"#, [.passRoleOnEverything, .escalation]),
            (#"{"Effect":"Allow","Action":"iam:List*","Resource":"*"}"#, []),
        ])
    func identity(statements: String, kinds: [PolicyFinding.Kind]) throws {
        #expect(try Self.kinds(statements) == kinds)
    }

    @Test(
        "Of a resource's policy",
        arguments: [
            (#"{"Effect":"Allow","Principal":"*","Action":"ecr:*"}"#, [PolicyFinding.Kind.everyone]),
            (
                #"{"Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"StringEquals":{"aws:PrincipalAccount":"1"}}}"#,
                []
            ),
            (#"{"Effect":"Deny","Principal":"*","Action":"ecr:*"}"#, []),
            (#"{"Effect":"Deny","NotPrincipal":{"AWS":"111122223333"},"Action":"ecr:*"}"#, [.notPrincipalInDeny]),
            (#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/bob"},"Action":"ecr:*"}"#, [.pastBoundary]),
            (
                #"{"Effect":"Allow","Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/r/s"},"Action":"ecr:*"}"#,
                [.pastBoundary]
            ),
            (#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/r"},"Action":"ecr:*"}"#, []),
        ])
    func resource(statements: String, kinds: [PolicyFinding.Kind]) throws {
        #expect(try Self.kinds(statements, .resource) == kinds)
    }

    @Test(
        "Of a trust",
        arguments: [
            (#"{"Effect":"Allow",\#(github)}"#, [PolicyFinding.Kind.unboundSubject]),
            (
                #"{"Effect":"Allow",\#(github),"Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:o/*"}}}"#,
                [.reusableNames]
            ),
            (
                #"{"Effect":"Allow",\#(github),"Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:o/*"},"StringEquals":{"token.actions.githubusercontent.com:repository_owner_id":"7"}}}"#,
                []
            ),
            (
                #"{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::1:oidc-provider/id.example.com"},"Action":"sts:*","Condition":{"StringEquals":{"id.example.com:email":"a@example.com"}}}"#,
                [.unverifiedEmail]
            ),
            (
                #"{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::1:oidc-provider/id.example.com"},"Action":"sts:*","Condition":{"StringEquals":{"id.example.com:email":"a@example.com"},"Bool":{"id.example.com:email_verified":"true"}}}"#,
                []
            ),
        ])
    func trust(statements: String, kinds: [PolicyFinding.Kind]) throws {
        #expect(try Self.kinds(statements, .trust) == kinds)
    }

    @Test func anOrganizationFillsItsKeys() throws {
        let statement =
            #"{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a"}}}"#
        #expect(try Self.kinds(statement) == [.neverFilledKey])
        #expect(try Self.kinds(statement, organization: true).isEmpty)
    }

    @Test(
        "Keys that are filled",
        arguments: [
            ("aws:PrincipalArn", true), ("AWS:principaltag/Team", true), ("aws:PrincipalTag/", false),
            ("aws:PrincipalTag", false),
            ("kms:EncryptionContext:env", true), ("kms:EncryptionContext:", false), ("weir:ImageTag", true),
            ("iam:PolicyARN", true),
            ("oidc.eks.us-east-1.amazonaws.com/id/A:sub", true), ("idp.example.com:8443/realms/a:groups", true),
            ("example:sub", false),
            ("oidc.example.com:", false), ("aws:MultiFactorAuthPresent", false), ("s3:prefix", false), ("sts:ExternalId", true),
        ])
    func filled(key: String, isFilled: Bool) {
        #expect(ConditionKeys.areFilled(key) == isFilled)
    }

    @Test func everyKeyHasOneRow() throws {
        let names = ConditionKey.all.map { $0.name.lowercased() }
        #expect(Set(names).count == names.count)
        for key in ConditionKey.all {
            #expect(ConditionKeys.row(of: key.name.uppercased() + (key.isPrefix ? "x" : "")) == key)
        }
        let global = Set(names.filter { $0.hasPrefix("aws:") })
        // What a request fills in by itself is in the table.
        let now = Timestamp(seconds: 0)
        let account = try AccountID("111122223333")
        let context = PolicyContext(
            of: .root(of: account), from: RequestOrigin(address: "::1", isSecure: true, userAgent: "x"), at: now, owner: account,
            in: try Region("us-east-1"), organization: "o-a")
        let strangers = Set(context.all.map(\.key)).subtracting(global)
        #expect(strangers.isEmpty, "\(strangers)")
    }
}
