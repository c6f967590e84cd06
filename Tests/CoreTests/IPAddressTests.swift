import NIOCore
import Testing
import WeirCore

@Suite struct IPAddressTests {
    @Test(
        "Addresses, and how they print",
        arguments: [
            ("0.0.0.0", "0.0.0.0"), ("203.0.113.7", "203.0.113.7"), ("255.255.255.255", "255.255.255.255"),
            ("::", "0:0:0:0:0:0:0:0"), ("::1", "0:0:0:0:0:0:0:1"), ("2001:DB8::a:0:1", "2001:db8:0:0:0:a:0:1"),
            ("::ffff:203.0.113.7", "0:0:0:0:0:ffff:cb00:7107"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ])
    func printed(text: String, canonical: String) throws {
        let address = try #require(IPAddress(text))
        #expect("\(address)" == canonical)
        #expect(IPAddress(canonical) == address)
    }

    @Test(
        "Texts that are no address",
        arguments: [
            "", "1", "127.1", "1.2.3.4.5", "1.2.3", "256.1.1.1", "01.2.3.4", "0x7f.0.0.1", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\u{0}",
            "1.2.3.4\u{0}.evil.example", "::1\u{0}", "+1.2.3.4", "1..2.3", "fe80::1%eth0", "[::1]", ":::", "1::2::3", "12345::",
            "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1.2.3", "1.2.3.4/8", "localhost", "１.2.3.4",
        ])
    func refused(text: String) { #expect(IPAddress(text) == nil) }

    @Test func anIPv4AddressWrittenAsIPv6IsTheIPv4Address() throws {
        #expect(try #require(IPAddress("::ffff:203.0.113.7")).unmapped == IPAddress("203.0.113.7"))
        for text in ["::203.0.113.7", "::1", "64:ff9b::203.0.113.7", "203.0.113.7"] {
            let address = try #require(IPAddress(text))
            #expect(address.unmapped == address)
        }
    }

    @Test func socketsTellTheirs() throws {
        for text in ["203.0.113.7", "2001:db8::1"] {
            #expect(IPAddress(try SocketAddress(ipAddress: text, port: 443)) == IPAddress(text))
        }
        #expect(IPAddress(try SocketAddress(unixDomainSocketPath: "/run/x.sock")) == nil)
    }

    @Test(
        "Texts that are no range",
        arguments: [
            "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "::/129", "::ffff:10.0.0.0/104",
        ])
    func refusedRange(text: String) { #expect(AddressBlock(text) == nil) }

    @Test(
        "The ends of a range",
        arguments: [
            ("203.0.113.8/29", "203.0.113.8", "203.0.113.15", "203.0.113.7", "203.0.113.16"),
            ("172.16.0.0/12", "172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.3", "10.1.2.2", "10.1.2.4"),
            ("2001:db8:8000::/33", "2001:db8:8000::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8:7fff::", "2001:db9::"),
            ("::1", "::1", "::1", "::", "::2"),
        ])
    func ends(range: String, first: String, last: String, before: String, after: String) throws {
        let block = try #require(AddressBlock(range))
        for inside in [first, last] { #expect(block.contains(try #require(IPAddress(inside)))) }
        for outside in [before, after, "0.0.0.1", "::9"] { #expect(!block.contains(try #require(IPAddress(outside)))) }
    }

    @Test func aRangeOfNoBitsHoldsAllOfItsKind() throws {
        let (all4, all6) = try (#require(AddressBlock("0.0.0.0/0")), #require(AddressBlock("::/0")))
        let (one4, one6) = try (#require(IPAddress("255.255.255.255")), #require(IPAddress("ffff::ffff")))
        #expect(all4.contains(one4) && all6.contains(one6) && !all4.contains(one6) && !all6.contains(one4))
    }
}
