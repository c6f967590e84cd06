import Crypto
import NIOCore
import Testing
import WeirCore

@Suite struct ManifestTests {
    private static let digest = "sha256:" + String(repeating: "a", count: 64)
    private static let config =
        #""config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\#(digest)","size":2}"#
    private static let layers =
        #""layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"\#(digest)","size":7}]"#
    private static let children =
        #""manifests":[{"mediaType":"\#(MediaType.ociManifest)","digest":"\#(digest)","size":9,"platform":{"os":"linux","architecture":"arm64","variant":"v8"}}]"#

    private func parse(_ text: String, as contentType: String? = nil) throws -> Manifest {
        try Manifest(ByteBuffer(string: text), contentType: contentType)
    }

    private static func typed(_ mediaType: String, _ members: String...) -> String {
        "{" + ([#""schemaVersion":2,"mediaType":"\#(mediaType)""#] + members).joined(separator: ",") + "}"
    }

    @Test func anImageIsReadAndItsBytesAreKept() throws {
        // The digest covers white space and unknown members, too.
        let text = "\n  " + Self.typed(MediaType.ociManifest, Self.config, Self.layers, #""x":{"y":[1]}"#) + " \n"
        let manifest = try parse(text, as: MediaType.ociManifest + "; charset=utf-8")
        #expect(manifest.bytes == ByteBuffer(string: text))
        #expect(manifest.digest == Digest(SHA256.hash(data: Array(text.utf8))))
        #expect(manifest.mediaType == MediaType.ociManifest)
        #expect(manifest.blobs.map(\.size) == [2, 7])
        #expect(manifest.children.isEmpty)
        #expect(manifest.artifactType == "application/vnd.oci.image.config.v1+json")
        #expect(manifest.subject == nil)
    }

    @Test func anIndexNamesItsChildren() throws {
        let manifest = try parse(Self.typed(MediaType.ociIndex, Self.children), as: MediaType.ociIndex)
        #expect(manifest.children.map(\.platform) == ["linux/arm64/v8"])
        #expect(manifest.children.map(\.size) == [9])
        #expect(manifest.blobs.isEmpty)
        #expect(try parse(Self.typed(MediaType.dockerList, #""manifests":[]"#)).children.isEmpty)
    }

    @Test func theDigestIsComputedWithTheAlgorithmAskedFor() throws {
        let bytes = ByteBuffer(string: Self.typed(MediaType.ociManifest, Self.config))
        let manifest = try Manifest(bytes, contentType: nil, algorithm: .sha512)
        #expect(manifest.digest == Digest(SHA512.hash(data: Array(bytes.readableBytesView))))
    }

    @Test func anArtifactSaysWhatItIsAboutAndWhatItIs() throws {
        let manifest = try parse(
            Self.typed(
                MediaType.ociManifest, Self.config, #""layers":[]"#, #""artifactType":"application/vnd.example.sbom""#,
                #""subject":{"mediaType":"\#(MediaType.ociManifest)","digest":"\#(Self.digest)","size":5}"#,
                #""annotations":{"a":"b"}"#))
        #expect(manifest.subject?.digest.description == Self.digest)
        #expect(manifest.artifactType == "application/vnd.example.sbom")
        #expect(manifest.annotations == ["a": "b"])
    }

    @Test func foreignLayersAreNotAskedFor() throws {
        let manifest = try parse(
            Self.typed(
                MediaType.dockerManifest, Self.config,
                #""layers":[{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"\#(Self.digest)","size":1,"urls":["https://x"]},{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","digest":"\#(Self.digest)","size":1}]"#
            ))
        #expect(manifest.blobs.count == 1)
        guard case .image(_, let layers) = manifest.shape else { return }
        #expect(layers.count == 2)
    }

    @Test(
        "Without a media type inside, the content type or the shape tells",
        arguments: [
            ("{\(config),\(layers)}", nil, MediaType.ociManifest), ("{\(children)}", nil, MediaType.ociIndex),
            ("{\(config)}", MediaType.dockerManifest, MediaType.dockerManifest),
            ("{\(config)}", "application/json", MediaType.ociManifest),
            ("{\(config)}", "APPLICATION/VND.OCI.IMAGE.MANIFEST.V1+JSON ; x=y", MediaType.ociManifest),
            ("{\(children)}", MediaType.dockerList, MediaType.dockerList),
            // Types that storages and proxies write there are no claim.
            ("{\(config),\(layers)}", "binary/octet-stream", MediaType.ociManifest),
            ("{\(config),\(layers)}", "text/html; charset=utf-8", MediaType.ociManifest),
            ("{\(config),\(layers)}", "application/vnd.docker.container.image.v1+json", MediaType.ociManifest),
            ("{\(children)}", "text/plain;charset=ISO-8859-1", MediaType.ociIndex),
            ("{\(children)}", "nonsense", MediaType.ociIndex), ("{\(children)}", "", MediaType.ociIndex),
            (typed(MediaType.dockerManifest, config), "binary/octet-stream", MediaType.dockerManifest),
            (typed(MediaType.dockerManifest, config), "application/json;charset=ISO-8859-1", MediaType.dockerManifest),
            (typed(MediaType.dockerList, children), "application/x-gzip", MediaType.dockerList),
            (typed("", config), nil, MediaType.ociManifest),
            // A manifest that names no type has the type that its vendor declares.
            (#"{"schemaVersion":2}"#, "application/vnd.example.thing+json", "application/vnd.example.thing+json"),
            (#"{"layers":"mine"}"#, "application/vnd.example.thing", "application/vnd.example.thing"),
        ] as [(String, String?, String)])
    func mediaType(text: String, contentType: String?, expected: String) throws {
        #expect(try parse(text, as: contentType).mediaType == expected)
    }

    @Test(
        "What is refused, and why",
        arguments: [
            ("", nil, .notJSON), ("null", nil, .notObject), ("[]", nil, .notObject), ("{", nil, .notJSON), ("}{", nil, .notJSON),
            ("7", nil, .notObject), (#""a manifest""#, nil, .notObject), (#"{"config":{"digest":"\x"}}"#, nil, .notJSON),
            (#"{"schemaVersion":"2"}"#, nil, .badMember("schemaVersion", "is no whole number")), ("{}", nil, .noMediaType),
            ("{\"schemaVersion\":2}", nil, .noMediaType),
            ("{\"schemaVersion\":2}", "application/json", .noMediaType),
            ("{\"schemaVersion\":2}", "binary/octet-stream", .noMediaType), ("{\"schemaVersion\":2}", "text/html", .noMediaType),
            (#"{"schemaVersion":1,"name":"x","fsLayers":[]}"#, nil, .schema1),
            (#"{"schemaVersion":1,"mediaType":"\#(MediaType.ociManifest)",\#(config)}"#, nil, .schema1),
            // One reader sees an image, another a list (CVE-2021-41190).
            (typed(MediaType.ociManifest, config, layers, children), nil, .ambiguous),
            (typed(MediaType.ociIndex, children, layers), nil, .ambiguous),
            (typed(MediaType.ociIndex, children, config), nil, .ambiguous),
            ("{\(config),\(children)}", nil, .ambiguous),
            // The declared type is another one (GHSA-qq97-vm5h-rrhg).
            (
                typed(MediaType.ociManifest, config), MediaType.ociIndex,
                .disagrees(contentType: MediaType.ociIndex, mediaType: MediaType.ociManifest)
            ),
            (
                typed(MediaType.ociIndex, children), MediaType.dockerList,
                .disagrees(contentType: MediaType.dockerList, mediaType: MediaType.ociIndex)
            ),
            (typed(MediaType.ociIndex, layers), nil, .missing("manifests")),
            (typed(MediaType.ociIndex), nil, .missing("manifests")),
            (typed(MediaType.ociManifest, layers), nil, .missing("config")),
            (typed(MediaType.dockerManifest, children), nil, .missing("config")),
        ] as [(String, String?, ManifestError)])
    func refused(text: String, contentType: String?, error: ManifestError) {
        #expect(throws: error) { try parse(text, as: contentType) }
    }

    @Test(
        "Descriptors that are none",
        arguments: [
            #"{"digest":"\#(digest)","size":-1}"#, #"{"digest":"\#(digest)","size":-9223372036854775808}"#,
            #"{"digest":"sha256:../../../etc/passwd","size":1}"#, #"{"digest":"sha256:abc","size":1}"#,
            #"{"digest":"","size":1}"#,
            #"{"digest":"md5:d41d8cd98f00b204e9800998ecf8427e","size":1}"#,
        ])
    func badDescriptors(descriptor: String) {
        for text in [
            Self.typed(MediaType.ociManifest, #""config":\#(descriptor)"#),
            Self.typed(MediaType.ociManifest, Self.config, #""layers":[\#(descriptor)]"#),
            Self.typed(MediaType.ociIndex, #""manifests":[\#(descriptor)]"#),
            Self.typed(MediaType.ociManifest, Self.config, #""subject":\#(descriptor)"#),
        ] {
            let error = #expect(throws: ManifestError.self) { try parse(text) }
            guard case .badDescriptor = error else {
                Issue.record("\(String(describing: error)) for \(text)")
                return
            }
        }
    }

    @Test(
        "A member that matters and is of another shape is named (D 13)",
        arguments: [
            (#"{"digest":"\#(digest)"}"#, "layers[1].size", "is missing"), (#"{"size":1}"#, "layers[1].digest", "is missing"),
            (#"{"digest":1,"size":1}"#, "layers[1].digest", "is no string"),
            (#"{"digest":null,"size":1}"#, "layers[1].digest", "is null"),
            (#"{"digest":"\#(digest)","size":"1"}"#, "layers[1].size", "is no whole number"),
            (#"{"digest":"\#(digest)","size":1e30}"#, "layers[1].size", "has a value that it cannot have"),
            (#"{"digest":"\#(digest)","size":1.5}"#, "layers[1].size", "has a value that it cannot have"),
            (#"{"digest":"\#(digest)","size":1,"mediaType":7}"#, "layers[1].mediaType", "is no string"),
            ("[]", "layers[1]", "is no object"), ("\"x\"", "layers[1]", "is no object"), ("null", "layers[1]", "is null"),
        ])
    func malformedDescriptors(descriptor: String, path: String, flaw: String) {
        let good = #"{"digest":"\#(Self.digest)","size":1}"#
        #expect(throws: ManifestError.badMember(path, flaw)) {
            try parse(Self.typed(MediaType.ociManifest, Self.config, #""layers":[\#(good),\#(descriptor)]"#))
        }
    }

    @Test(
        "Other members that matter",
        arguments: [
            ("layers", "{}", "is no array"), ("config", "[]", "is no object"), ("manifests", "7", "is no array"),
            ("subject", "\"x\"", "is no object"), ("artifactType", "7", "is no string"), ("mediaType", "{}", "is no string"),
        ])
    func malformedMembers(member: String, value: String, flaw: String) {
        #expect(throws: ManifestError.badMember(member, flaw)) { try parse(#"{"schemaVersion":2,"\#(member)":\#(value)}"#) }
        #expect("\(ManifestError.badMember(member, flaw))" == "\(member) \(flaw)")
    }

    @Test(
        "What is only carried may be anything, and its bytes stay as they came (D 13)",
        arguments: [
            (#""annotations":{"a":null,"b":"c"}"#, ["a": "", "b": "c"]),
            (#""annotations":{"a":7,"b":[],"c":{"d":1},"e":"f"}"#, ["e": "f"]),
            (#""annotations":null"#, [:]), (#""annotations":[]"#, [:]), (#""annotations":"x""#, [:]),
            (#""annotations":false"#, [:]),
        ])
    func carried(member: String, annotations: [String: String]) throws {
        let text = Self.typed(MediaType.ociManifest, Self.config, Self.layers, member)
        let manifest = try parse(text)
        #expect(manifest.annotations == annotations)
        #expect(String(buffer: manifest.bytes) == text)
        #expect(try parse(Self.typed(MediaType.ociIndex, Self.children, member)).annotations == annotations)
    }

    @Test(
        "So may what a descriptor carries",
        arguments: [
            (#""platform":null"#, nil), (#""platform":"linux""#, nil), (#""platform":[]"#, nil),
            (#""platform":{"os":7,"architecture":"arm64"}"#, "arm64"),
            (#""platform":{"os":"linux","architecture":null}"#, "linux"),
            (#""annotations":{"a":null},"urls":"x","data":7,"platform":{"os":"a","architecture":"b","os.version":1}"#, "a/b"),
        ] as [(String, String?)])
    func carriedByDescriptors(members: String, platform: String?) throws {
        let list = Self.typed(MediaType.ociIndex, #""manifests":[{"digest":"\#(Self.digest)","size":1,\#(members)}]"#)
        #expect(try parse(list).children.map(\.platform) == [platform])
        let image = Self.typed(MediaType.ociManifest, #""config":{"digest":"\#(Self.digest)","size":1,\#(members)}"#)
        #expect(try parse(image).blobs.count == 1)
    }

    private static func descriptors(_ count: Int, isDistinct: Bool = true) -> String {
        (0..<count).map { number in
            let hex = String(isDistinct ? number : 0, radix: 16)
            return #"{"digest":"sha256:\#(String(repeating: "0", count: 64 - hex.count))\#(hex)","size":1}"#
        }.joined(separator: ",")
    }

    @Test("A thousand descriptors are a manifest, and one more is none", arguments: ["layers", "manifests"])
    func descriptorsAreCounted(member: String) throws {
        let kind = member == "layers" ? MediaType.ociManifest : MediaType.ociIndex
        func text(_ count: Int) -> String {
            let list = #""\#(member)":[\#(Self.descriptors(count))]"#
            return member == "layers" ? Self.typed(kind, Self.config, list) : Self.typed(kind, list)
        }
        #expect(try parse(text(1_000)).blobs.count + parse(text(1_000)).children.count >= 1_000)
        #expect(throws: ManifestError.tooMany(member, 1_001, allowed: 1_000)) { try parse(text(1_001)) }
        #expect(throws: ManifestError.tooMany(member, 40_000, allowed: 1_000)) { try parse(text(40_000)) }
    }

    @Test func whatIsNamedTwiceComesOnce() throws {
        let layers = try parse(
            Self.typed(MediaType.ociManifest, Self.config, #""layers":[\#(Self.descriptors(900, isDistinct: false))]"#))
        #expect(layers.blobs.count == 2)
        let list = try parse(Self.typed(MediaType.ociIndex, #""manifests":[\#(Self.descriptors(900, isDistinct: false))]"#))
        #expect(list.children.count == 1)
    }

    @Test(
        "Sizes that nothing can have",
        arguments: ["9007199254740993", "9223372036854775806", "9223372036854775807", "4611686018427387904"])
    func sizes(size: String) {
        let descriptor = #"{"digest":"\#(Self.digest)","size":\#(size)}"#
        for members in [
            [#""config":\#(descriptor)"#], [Self.config, #""layers":[\#(descriptor)]"#],
            [Self.config, #""subject":\#(descriptor)"#],
        ] {
            let error = #expect(throws: ManifestError.self) {
                try parse("{" + ([#""mediaType":"\#(MediaType.ociManifest)""#] + members).joined(separator: ",") + "}")
            }
            guard case .badDescriptor = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    private static let controls = ["\\u0000", "\\u0001", "\\n", "\\u007f"]

    @Test("A control character in a type is refused wherever it stands", arguments: controls)
    func controlCharacters(escape: String) {
        let type = "application/a\(escape)b"
        let odd = #"{"mediaType":"\#(type)","digest":"\#(Self.digest)","size":2}"#
        for text in [
            Self.typed(type, Self.config), Self.typed(MediaType.ociManifest, Self.config, #""artifactType":"\#(type)""#),
            Self.typed(MediaType.ociManifest, #""config":\#(odd)"#),
            Self.typed(MediaType.ociManifest, Self.config, #""layers":[\#(odd)]"#),
            Self.typed(MediaType.ociManifest, Self.config, #""subject":\#(odd)"#),
            Self.typed(MediaType.ociIndex, #""manifests":[\#(odd)]"#),
        ] {
            let error = #expect(throws: ManifestError.self) { try parse(text) }
            guard case .badMediaType(_, let told) = error else {
                Issue.record("\(String(describing: error)) for \(text)")
                return
            }
            #expect(told.hasPrefix("application/a"))
            #expect(error?.description.utf8.contains { $0 < 0x20 || $0 == 0x7f } == false)
        }
    }

    @Test(
        "Types that are none by RFC 6838",
        arguments: [
            "text", "a/b/c", "/b", "a/", "a b/c", "ä/b", "a/\u{e4}", "-a/b", "a/.b", "a/b*",
            "a/" + String(repeating: "b", count: 128), String(repeating: "a", count: 128) + "/b",
            String(repeating: "a", count: 70_000),
        ])
    func types(type: String) {
        #expect(!MediaType.isWellFormed(type))
        #expect(throws: ManifestError.self) { try parse(Self.typed(type, Self.config)) }
        // An odd type of a configuration is kept from upstream, and refused only from a client.
        let config = #""config":{"mediaType":"\#(type)","digest":"\#(Self.digest)","size":2}"#
        if type.utf8.count < 200 { #expect((try? parse(Self.typed(MediaType.ociManifest, config)))?.oddType?.type == type) }
    }

    @Test(
        "Types that are",
        arguments: MediaType.manifests + [
            "a/b", "0/9", "application/vnd.oci.empty.v1+json", "a/" + String(repeating: "b", count: 127),
            "application/vnd.x!#$&-^_.+y",
        ])
    func goodTypes(type: String) { #expect(MediaType.isWellFormed(type)) }

    @Test func annotationsAreCounted() throws {
        func text(_ count: Int, _ value: String) -> String {
            let list = (0..<count).map { #""k\#($0)":"\#(value)""# }.joined(separator: ",")
            return Self.typed(MediaType.ociManifest, Self.config, #""annotations":{\#(list)}"#)
        }
        #expect(try parse(text(1_000, "v")).annotations.count == 1_000)
        #expect(throws: ManifestError.tooMany("annotations", 1_001, allowed: 1_000)) { try parse(text(1_001, "v")) }
        #expect(try parse(text(3, String(repeating: "v", count: 1_300_000))).annotations.count == 3)
    }

    @Test func fourMiBAreAManifestAndOneByteMoreIsNot() throws {
        let head = Self.typed(MediaType.ociManifest, Self.config)
        let largest = head + String(repeating: " ", count: Manifest.maxBytes - head.utf8.count)
        #expect(try parse(largest).bytes.readableBytes == Manifest.maxBytes)
        #expect(throws: ManifestError.tooLarge(Manifest.maxBytes + 1)) { try parse(largest + " ") }
        #expect(throws: ManifestError.tooLarge(5 << 20)) {
            // Refused unread: this is no JSON.
            try Manifest(ByteBuffer(repeating: 0x7b, count: 5 << 20), contentType: nil)
        }
    }

    @Test func deepNestingIsRefusedAndDoesNotEndTheProgram() {
        let deep = String(repeating: "[", count: 200_000)
        #expect(throws: ManifestError.notJSON) { try parse(#"{"schemaVersion":2,"x":"# + deep) }
    }
}
