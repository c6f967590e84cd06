import Testing
import WeirCore

@Suite struct NameTests {
    @Test("Names ECR accepts", arguments: ["ab", "a/b", "a__b", "a--b", "0a", "a.b_c-d/e", "team/blobs/app"])
    func accepted(name: String) throws {
        #expect(try RepositoryName(name).description == name)
    }

    @Test(
        "Names ECR refuses",
        arguments: [
            "", "a", "AB", "-ab", "ab-", "a//b", "ab/", "/ab", "a_.b", "a___b", "a..b", "a/-b", "a/../b", "ä b",
            String(repeating: "a", count: 257),
        ])
    func refused(name: String) {
        #expect(throws: NameError.self) { try RepositoryName(name) }
    }

    @Test(
        "Strings that are no digest",
        arguments: [
            "", "sha256:", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:../../etc/passwd",
            "sha256:" + String(repeating: "A", count: 64), "sha256:" + String(repeating: "a", count: 65),
            "sha512:" + String(repeating: "a", count: 64), "SHA256:" + String(repeating: "a", count: 64),
        ])
    func noDigest(text: String) {
        #expect(throws: NameError.self) { try Digest(text) }
    }

    @Test func aPrefixCoversOnlyWhatLiesBelowIt() throws {
        let prefix = try Prefix("docker", lengths: CacheRule.prefixLengths)
        #expect(prefix.covers(try RepositoryName("docker/x")))
        #expect(!prefix.covers(try RepositoryName("docker-hub/x")))
        #expect(!prefix.covers(try RepositoryName("docker")))
    }

    @Test func theLongestPrefixWinsAndRootComesLast() throws {
        let prefixes = try ["ROOT", "prod", "prod/team"].map { try Prefix($0, lengths: CreationTemplate.prefixLengths) }
        func closest(_ name: String) throws -> String? {
            try prefixes.closest(to: RepositoryName(name)) { $0 }?.description
        }
        #expect(try closest("prod/team/api") == "prod/team")
        #expect(try closest("prod/api") == "prod")
        #expect(try closest("production/api") == "ROOT")
        #expect(try closest("prod") == "ROOT")
        #expect(try closest("prod/team") == "prod")
    }
}
