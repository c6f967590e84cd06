import ArgumentParser
import Testing
import WeirCommands
import WeirCore

/// How accounts, decisions and findings are shown to people, and the words of their commands.
@Suite struct IdentityTextTests {
    private struct Root: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "weir", subcommands: OperatorCommands.all)
    }

    // MARK: Accounts and keys

    @Test func accounts() {
        let text = AccountText.table([
            ["accountId": "111122223333", "isHome": .bool(true), "rootKeys": .integer(1), "repositories": .integer(12)],
            ["accountId": "444455556666", "alias": "team-b", "isHome": .bool(false), "disabledAt": .number(1_800_000_000)],
            ["accountId": "777788889999", "isHome": .bool(false)],
        ])
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(lines[0] == "ACCOUNT ALIAS ROOT KEYS USERS USER KEYS ROLES REPOSITORIES STATE")
        #expect(lines[1] == "111122223333 - 1 0 0 0 12 home")
        #expect(lines[2].hasPrefix("444455556666 team-b") && lines[2].contains("disabled since 2027-01-15"))
        #expect(lines[3].hasSuffix("enabled"))
    }

    @Test func keys() {
        let text = AccountText.keys([
            [
                "accessKeyId": "AKIAROOT", "accountId": "111122223333", "owner": "root", "status": "Active",
                "createdAt": .number(1_800_000_000), "lastUsedAt": .number(1_800_000_060), "lastUsedService": "ecr",
                "lastUsedRegion": "us-east-1",
            ],
            ["accessKeyId": "AKIAGONE", "accountId": "111122223333", "status": "Inactive", "createdAt": .number(1_800_000_000)],
        ])
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(lines[1].hasPrefix("AKIAROOT 111122223333 root active 2027-01-15") && lines[1].hasSuffix("ecr us-east-1"))
        #expect(lines[2].contains("(gone) inactive") && lines[2].hasSuffix("never"))
    }

    @Test func aNewKeyIsAProfileToPaste() {
        let text = AccountText.key(["accessKeyId": "AKIANEW", "secretAccessKey": "planted"], of: "444455556666")
        #expect(
            text.contains("\n[444455556666]\naws_access_key_id = AKIANEW\naws_secret_access_key = planted\n")
                && text.contains("shown this once"))
    }

    // MARK: Decisions

    @Test func aDecisionSaysWhatEachStatementSaid() {
        let text = IdentityText.decisions([
            "decisions": [
                [
                    "principal": "user/bob", "action": "ecr:BatchGetImage", "resource": "app",
                    "lines": [
                        ["depth": .integer(0), "text": "not allowed: the identity-based policy does not allow it"],
                        ["depth": .integer(1), "text": "identity-based policy: says nothing"],
                        ["depth": .integer(2), "text": "arn:aws:iam::111122223333:policy/pull"],
                        ["depth": .integer(3), "text": "Allow 'Team': the condition IpAddress of aws:sourceip wants 10.0.0.0/8"],
                        ["depth": .integer(.max), "text": "a line of a later version"],
                    ],
                    "missingContextKeys": ["aws:sourceip"], "notes": ["The key's policy is not looked at."],
                ],
                ["principal": "user/bob", "action": "ecr:PutImage", "resource": "app", "allowed": .bool(true)],
            ]
        ])
        #expect(
            text == """
                user/bob: ecr:BatchGetImage on app
                  not allowed: the identity-based policy does not allow it
                    identity-based policy: says nothing
                      arn:aws:iam::111122223333:policy/pull
                        Allow 'Team': the condition IpAddress of aws:sourceip wants 10.0.0.0/8
                        a line of a later version
                  keys that the request does not have: aws:sourceip
                  note: The key's policy is not looked at.

                user/bob: ecr:PutImage on app

                """)
    }

    @Test func findings() {
        #expect(IdentityText.findings(["findings": [], "policies": .integer(7)]) == "Nothing was found in 7 policies.\n")
        let text = IdentityText.findings([
            "policies": .integer(7),
            "findings": [
                ["kind": "passRoleOnStar", "place": "user/bob, policy p", "statement": "'All' (2)", "message": "Too wide."],
                ["kind": "unreadable", "place": "role/ci", "message": "It cannot be read."],
            ],
        ])
        #expect(
            text == """
                user/bob, policy p, statement 'All' (2): Too wide. [passRoleOnStar]
                role/ci: It cannot be read. [unreadable]
                2 findings in 7 policies.

                """)
    }

    @Test func aTokensSteps() {
        let text = IdentityText.token([
            "allowed": .bool(false), "role": "arn:aws:iam::111122223333:role/ci",
            "steps": [
                ["step": "token", "outcome": "passed", "finding": "a JWT by RS256"],
                ["step": "audience", "outcome": "failed", "finding": "it is for another client"],
            ],
            "conditionKeys": ["idp.example:sub": ["repo:o/r"]],
        ])
        #expect(text.hasPrefix("The token may not assume the role arn:aws:iam::111122223333:role/ci.\n"))
        #expect(text.contains("failed  audience  it is for another client") && text.contains("idp.example:sub  repo:o/r"))
    }

    // MARK: Words

    @Test(arguments: [
        ["why"], ["why", "a", "b"], ["why", "a", "b", "c", "d"], ["why", "a", "b", "c", "--as", "user/bob"],
        ["why", "app:1", "--context", "a=b"], ["why", "a", "b", "c", "--context", "nothing"], ["accounts", "root-key"],
        ["accounts", "disable"], ["keys", "remove"], ["oidc", "keys", "x"], ["oidc", "keys", "x", "file", "--fetch"],
        ["oidc", "test", "-"], ["iam", "revoke-sessions"],
    ])
    func whatIsMissingIsSaid(words: [String]) {
        #expect(throws: (any Error).self) { try Root.parseAsRoot(words) }
    }

    @Test(arguments: [
        ["why", "app:1"], ["why", "app:1", "--as", "user/bob", "--context", "aws:SourceIp=10.0.0.1"],
        ["why", "user/bob", "ecr:PutImage", "*", "--context", "a=b=c", "--context", "a=d"], ["accounts"],
        ["accounts", "create"], ["accounts", "create", "444455556666", "--alias", "team-b"],
        ["accounts", "root-key", "444455556666", "--replace"], ["keys"], ["keys", "remove", "AKIA"],
        ["iam", "check", "--strict"], ["iam", "export"], ["oidc", "keys", "x", "-"], ["oidc", "keys", "x", "--fetch"],
        ["oidc", "test", "-", "role/ci"],
    ])
    func theCommandsAsTheyAreDocumented(words: [String]) throws {
        #expect(throws: Never.self) { try Root.parseAsRoot(words) }
    }
}
