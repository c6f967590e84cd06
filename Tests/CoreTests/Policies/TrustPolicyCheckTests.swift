import Testing
import WeirCore

@Suite struct TrustPolicyCheckTests {
    private static let github = "token.actions.githubusercontent.com"

    /// Whether a trust in the issuer with this `Condition` may be saved.
    private static func isAccepted(_ condition: String, issuer: String = github, effect: String = "Allow") throws -> Bool {
        let provider = "arn:aws:iam::111122223333:oidc-provider/\(issuer)"
        let document = try PolicyDocument(
            #"{"Version":"2012-10-17","Statement":{"Effect":"\#(effect)","Principal":{"Federated":"\#(provider)"},"#
                + #""Action":"sts:AssumeRoleWithWebIdentity","Condition":{\#(condition)}}}"#, as: .trust)
        return TrustPolicyCheck.fault(in: document) == nil
    }

    private static let aud = #""StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}"#

    @Test(
        "A shared issuer's subject must name the tenant",
        arguments: [
            ("StringEquals", #""repo:org/app:ref:refs/heads/main""#, true), ("StringLike", #""repo:org/app:*""#, true),
            ("StringLike", #""repo:org/*""#, true), ("StringLike", #""repo:org/app:ref:refs/tags/v?""#, true),
            ("ForAnyValue:StringLike", #""repo:org/*""#, true), ("StringEqualsIgnoreCase", #""repo:org/app:x""#, true),
            ("StringLike", #""repository_owner:org:*""#, true), ("StringLike", #"["repo:org/*","repo:other/app:*"]"#, true),
            ("StringEquals", #""repo:*""#, true),
            ("StringLike", #""*""#, false), ("StringLike", #""repo:*""#, false), ("StringLike", #""repo:org*""#, false),
            ("StringLike", #""repo:/*""#, false), ("StringLike", #""repo:?rg/app""#, false),
            ("StringLike", #""*:org/app""#, false),
            ("StringLike", #"["repo:org/*","*"]"#, false), ("StringLike", #""${aws:username}""#, false),
            ("StringEquals", "[]", false), ("StringEquals", #""""#, false), ("StringLike", #""organisation:x/*""#, false),
            ("StringNotEquals", #""repo:org/app:x""#, false), ("StringNotLike", #""repo:org/*""#, false),
            ("StringEqualsIfExists", #""repo:org/app:x""#, false), ("StringLikeIfExists", #""repo:org/*""#, false),
            ("ForAllValues:StringEquals", #""repo:org/app:x""#, false), ("ForAllValues:StringLike", #""repo:org/*""#, false),
            ("Null", #""false""#, false), ("ArnLike", #""arn:aws:iam::1:role/x""#, false),
        ])
    func subject(operation: String, value: String, isAccepted: Bool) throws {
        let condition = #""\#(operation)":{"Token.Actions.githubusercontent.com:sub":\#(value)}"#
        #expect(try Self.isAccepted(condition) == isAccepted)
        #expect(try Self.isAccepted(condition, effect: "Deny"))
        // The audience is the same for everyone.
        let isEquals = operation == "StringEquals"
        if !isEquals { #expect(try Self.isAccepted("\(condition),\(Self.aud)") == isAccepted) }
    }

    @Test func theAudienceAloneBindsNothing() throws {
        #expect(try !Self.isAccepted(Self.aud))
        #expect(try !Self.isAccepted(""))
        #expect(try !Self.isAccepted(#""StringEquals":{"token.actions.githubusercontent.com:repository":"org/app"}"#))
    }

    @Test(
        "Other issuers",
        arguments: [
            ("gitlab.com", #""StringLike":{"gitlab.com:sub":"project_path:group/app:*"}"#, true),
            ("gitlab.com", #""StringLike":{"gitlab.com:sub":"project_path:group*"}"#, false), ("gitlab.com", "", false),
            ("app.terraform.io", #""StringLike":{"app.terraform.io:sub":"organization:acme:*"}"#, true),
            ("app.terraform.io", #""StringLike":{"app.terraform.io:sub":"organization:acme*"}"#, false),
            ("accounts.google.com", #""StringEquals":{"accounts.google.com:sub":"10769150350006150715113082367"}"#, true),
            ("accounts.google.com", #""StringLike":{"accounts.google.com:sub":"1*"}"#, false),
            // An issuer of one's own has no strangers.
            ("oidc.example.com/id/A", "", true), ("keycloak.example.com/realms/ci", #""StringLike":{"x:sub":"*"}"#, true),
            ("oidc.example.com", #""ForAllValues:StringEquals":{"oidc.example.com:aud":"a"}"#, false),
            ("oidc.example.com", #""ForAllValues:StringEquals":{"oidc.example.com:sub":"a"}"#, false),
            ("oidc.example.com", #""ForAllValues:StringEquals":{"oidc.example.com:groups":"a"}"#, true),
        ])
    func issuers(issuer: String, condition: String, isAccepted: Bool) throws {
        #expect(try Self.isAccepted(condition, issuer: issuer) == isAccepted)
    }
}
