import Testing
import WeirCore
import WeirUpstream

@Suite struct AddressTests {
    @Test(
        "IPv4 addresses that are not the internet's",
        arguments: [
            "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1",
            "168.63.129.16",
            "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1",
            "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1",
            "255.255.255.255",
        ])
    func refusedV4(text: String) throws { #expect(try #require(IPAddress(text)).objection != nil) }

    @Test(
        "IPv4 addresses beside them",
        arguments: [
            "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
            "169.253.1.1", "169.255.1.1", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.1.1", "192.169.1.1",
            "198.17.1.1", "198.20.1.1", "223.255.255.255",
        ])
    func publicV4(text: String) throws { #expect(try #require(IPAddress(text)).objection == nil) }

    @Test(
        "IPv6 addresses that are not the internet's",
        arguments: [
            "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
            "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::1", "100::1", "fc00::1",
            "fd00:ec2::254",
            "fe80::1", "febf::1", "fec0::1", "ff02::1", "2002:7f00:1::", "2002:808:808::1", "2001::1", "2001:10::1",
            "2001:20::1", "2001:db8::1", "3fff::1", "4000::1", "5f00::1",
        ])
    func refusedV6(text: String) throws { #expect(try #require(IPAddress(text)).objection != nil) }

    @Test(
        "IPv6 addresses of the internet",
        arguments: [
            "2606:4700::6810:84e5", "2600:1f18::1", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2001:4860::1",
        ])
    func publicV6(text: String) throws { #expect(try #require(IPAddress(text)).objection == nil) }

    @Test(
        "Texts that are no URL to go to",
        arguments: [
            "", "example.com", "ftp://example.com/", "file:///etc/passwd", "http://", "http:///x", "https://user@example.com/",
            "https://auth.docker.io@evil.example/", "https://auth.docker.io:x@evil.example/", "https://example.com:0/",
            "https://example.com:65536/", "https://example.com:4x/", "https://exa mple.com/", "https://example..com/",
            "https://example.com./", "https://.example.com/", "https://ex%61mple.com/", "https://bücher.example/",
            "https://example.com\\@evil.example/", "https://example.com/a\\b", "https://example.com/\u{1}",
            "https://example.com/\r\nX: y", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/",
            "https://127.1/", "https://127.0.0.0x1/", "https://1.2.3/", "https://1.2.3.4.5/", "https://256.1.1.1/",
            "https://01.2.3.4/", "https://example.0x10/", "https://[::1/", "https://[::1]x/", "https://[fe80::1%25eth0]/",
            "https://[1.2.3.4]/", "https://[v1.a]/", "unix:///var/run/docker.sock", "http+unix://%2Fvar%2Frun/x",
            "https://" + String(repeating: "a", count: 64) + ".example/",
            "https://example.com/" + String(repeating: "a", count: 20_000),
        ])
    func refusedURLs(text: String) { #expect(throws: URLRefusal.self) { try OutboundURL(text) } }

    @Test(
        "URLs mean one thing",
        arguments: [
            ("HTTPS://Registry-1.Docker.IO", "https://registry-1.docker.io/"),
            ("https://example.com:443/v2/", "https://example.com/v2/"),
            ("http://127.0.0.1:5000/a%2Fb?x=%2F&y=/~z#frag", "http://127.0.0.1:5000/a%2Fb?x=%2F&y=/~z"),
            ("https://example.com?x=1", "https://example.com/?x=1"),
            ("https://example.com/a b|c?d=\"e\"", "https://example.com/a%20b%7Cc?d=%22e%22"),
            ("https://[2606:4700::1]:8443/x", "https://[2606:4700:0:0:0:0:0:1]:8443/x"),
            ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ])
    func read(text: String, wire: String) throws { #expect(try OutboundURL(text).wire == wire) }

    @Test(
        "A Location leads where RFC 3986 says",
        arguments: [
            ("/x?y", "https://a.example:8443/x?y"), ("../x", "https://a.example:8443/b/x"),
            ("x", "https://a.example:8443/b/c/x"), ("./", "https://a.example:8443/b/c/"),
            ("../../../../x", "https://a.example:8443/x"), ("?n=1", "https://a.example:8443/b/c/d?n=1"),
            ("//b.example/x", "https://b.example/x"), ("http://b.example/x:y", "http://b.example/x:y"),
            ("/x:y", "https://a.example:8443/x:y"), ("#f", "https://a.example:8443/b/c/d?q=1"),
        ])
    func resolved(location: String, wire: String) throws {
        #expect(try OutboundURL("https://a.example:8443/b/c/d?q=1").resolving(location).wire == wire)
    }

    @Test(
        "A Location that leads nowhere good",
        arguments: [
            "javascript:alert(1)", "file:///etc/passwd", "//user@b.example/", "//2130706433/", "gopher://b.example/", "x:y",
        ])
    func unresolved(location: String) throws {
        let url = try OutboundURL("https://a.example/")
        #expect(throws: URLRefusal.self) { try url.resolving(location) }
    }

    @Test func aSignedQueryIsNeverShown() throws {
        let url = try OutboundURL("https://a.example/b?X-Amz-Signature=planted-signature")
        #expect("\(url)" == "https://a.example/b")
    }

    @Test(
        "An accent over a mark of the grammar hides it from nobody",
        arguments: [
            ("http://s.example/a?\u{301}x#\u{301}y", "http://s.example/a?%CC%81x"),
            ("http://s.example/\u{301}?q", "http://s.example/%CC%81?q"), ("http://s.example/a#\u{301}b?c", "http://s.example/a"),
        ])
    func accents(text: String, wire: String) throws {
        #expect(try OutboundURL(text).wire == wire)
        #expect(try OutboundURL(OutboundURL(text).wire).wire == wire)
        let path = String(text.dropFirst("http://s.example".count))
        #expect(try OutboundURL("http://s.example/v2/").resolving(path).wire == wire)
    }

    @Test(
        "Nor in the host",
        arguments: [
            "http://user@\u{301}s.example/", "http://s.example:\u{301}80/", "http://s.example\u{301}/", "http://[::1]\u{301}:80/",
        ])
    func accentsInTheHost(text: String) { #expect(throws: URLRefusal.self) { try OutboundURL(text) } }

    @Test("A URL that goes out longer than 16 KiB is refused, however short it came: what is percent-encoded grows")
    func grown() throws {
        let brackets = String(repeating: "[", count: 6_000)
        #expect(throws: URLRefusal.self) { try OutboundURL("https://a.example/\(brackets)") }
        let url = try OutboundURL("https://a.example/\(String(repeating: "b", count: 10_000))/")
        #expect(throws: URLRefusal.self) { try url.resolving(String(repeating: "b", count: 10_000)) }
        #expect(throws: URLRefusal.self) { try url.resolving("?\(brackets)") }
        #expect(throws: URLRefusal.self) { try url.resolving("/?\(brackets)") }
    }
}
