import Testing
import WeirCore

/// The table of vendors, as a whole.
@Suite struct VendorTests {
    @Test("ECR's kinds have a row each", arguments: UpstreamKind.ofECR)
    func rows(kind: UpstreamKind) { #expect(Vendor.all.filter { $0.kind == kind }.count == 1) }

    @Test func noHostHasTwoRows() {
        let hosts = Vendor.all.compactMap(\.names).flatMap { $0 }
        #expect(Set(hosts).count == hosts.count)
        for host in hosts + ["x.azurecr.io", "111122223333.dkr.ecr.eu-west-1.amazonaws.com", "registry.cn-beijing.aliyuncs.com"] {
            #expect(Vendor.all.filter { $0.has(host) || $0.aliases.contains(host) }.count == 1, "\(host)")
        }
    }

    @Test func anAliasIsNoHostOfARule() {
        #expect(Vendor(host: "docker.io")?.kind == .dockerHub)
        #expect(UpstreamKind(host: "docker.io") == nil)
        #expect(Vendor(host: "docker.io")?.names == ["docker.io", "index.docker.io", "registry-1.docker.io"])
    }

    @Test(
        "What is known of nobody's host",
        arguments: ["", "example.com", "DOCKER.IO", "x.y.azurecr.io", "aliyuncs.com", "a.aliyuncs.com"])
    func unknown(host: String) { #expect(Vendor(host: host) == nil) }

    @Test func aVendorWithoutAKindOfECRsIsNoKind() {
        #expect(Vendor(host: "registry.cn-hangzhou.aliyuncs.com")?.kind == .other)
        #expect(UpstreamKind(host: "registry.cn-hangzhou.aliyuncs.com") == nil)
        #expect(UpstreamKind.other.vendor == nil)
    }
}
