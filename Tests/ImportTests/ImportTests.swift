import Testing

/// The house's walls, as docs/architecture.md draws them: what a room may import, and which words it never says.
@Suite struct ImportTests {
    /// What each room may import, besides the standard library. `weir` knows every room and may import anything.
    ///
    /// To add a module here is to move a wall: change docs/architecture.md in the same commit, and say why.
    private static let allowed: [String: Set<String>] = [
        "Text": ["FoundationEssentials"],
        "Core": ["WeirText", "NIOCore", "Crypto", "FoundationEssentials"],
        "SigV4": ["WeirText", "Crypto"],
        "Vault": ["WeirText", "WeirCore", "CCryptoBoringSSL", "Crypto", "NIOCore", "FoundationEssentials"],
        "Identity": ["WeirText", "WeirCore", "WeirVault", "Crypto", "CryptoExtras", "FoundationEssentials"],
        "Registry": [
            "WeirText", "WeirCore", "WeirVault", "Crypto", "NIOCore", "FoundationEssentials", "Logging", "Metrics",
            "ServiceLifecycle",
            "Dispatch",
        ],
        "Storage": ["WeirText", "WeirCore", "CPlatform", "Glibc", "GRDB", "NIOCore", "NIOPosix", "FoundationEssentials"],
        "Upstream": [
            "WeirText", "WeirCore", "WeirSigV4", "AsyncHTTPClient", "Crypto", "Glibc", "Logging", "Metrics", "NIOCore",
            "NIOHTTP1", "NIOPosix", "NIOSSL", "NIOTLS", "FoundationEssentials",
        ],
        "Server": [
            "WeirText", "WeirCore", "Glibc", "HTTPTypes", "Logging", "Metrics", "NIOCore", "NIOHTTP1", "NIOHTTPTypesHTTP1",
            "NIOPosix", "NIOSSL", "ServiceLifecycle",
        ],
        "Web": [
            "WeirText", "WeirCore", "WeirSigV4", "WeirIdentity", "WeirRegistry", "WeirVault", "WeirServer", "Glibc", "HTTPTypes",
            "Logging", "Metrics", "NIOCore", "NIOPosix", "ServiceLifecycle", "FoundationEssentials",
        ],
        "Application": [
            "WeirCore", "WeirIdentity", "WeirRegistry", "WeirVault", "WeirWeb", "Logging", "NIOCore", "ServiceLifecycle",
        ],
        "Commands": [
            "WeirText", "WeirCore", "WeirSigV4", "WeirUpstream", "ArgumentParser", "AsyncHTTPClient", "Dispatch", "Glibc",
            "NIOCore",
            "NIOHTTP1", "NIOSSL", "FoundationEssentials",
        ],
        "Settings": [
            "WeirText", "WeirCore", "WeirRegistry", "WeirServer", "WeirWeb", "ArgumentParser", "Configuration", "Glibc",
            "Logging", "SystemPackage",
        ],
    ]

    /// Parts of the standard library, and the other platforms' names for what is allowed.
    private static func meaning(_ module: String) -> String? {
        switch module {
        case "Swift", "Synchronization", "_Concurrency": nil
        case "Foundation": "FoundationEssentials"
        case "Musl", "Darwin": "Glibc"
        default: module
        }
    }

    @Test func theRoomsAreThoseThatAreDrawn() {
        let rooms = Set(SourceFile.all.map(\.room))
        let drawn = Set(Self.allowed.keys).union(["weir"])
        #expect(
            rooms.isSubset(of: drawn),
            "A room that is not drawn: \(rooms.subtracting(drawn).sorted()). Give it its line in docs/architecture.md and in ImportTests.allowed."
        )
        #expect(SourceFile.all.count > 40, "The sources were not found; this suite would pass for the wrong reason.")
    }

    @Test("A room imports only what it is allowed", arguments: allowed.keys.sorted())
    func imports(room: String) {
        let allowed = Self.allowed[room] ?? []
        for file in SourceFile.all where file.room == room {
            for (line, name) in file.imports {
                guard let module = Self.meaning(name), !allowed.contains(module) else { continue }
                Issue.record(
                    """
                    Sources/\(file.path):\(line) imports \(name), which \(room) does not know. Move the code to a room that does, or \
                    put a port in Core. Allowed here: \(allowed.sorted().joined(separator: ", ")).
                    """)
            }
        }
    }

    @Test("Nothing is allowed in vain", arguments: allowed.keys.sorted())
    func needed(room: String) {
        let imported = Set(SourceFile.all.filter { $0.room == room }.flatMap(\.imports).compactMap { Self.meaning($0.module) })
        let idle = (Self.allowed[room] ?? []).subtracting(imported)
        #expect(idle.isEmpty, "\(room) may import \(idle.sorted()) and does not: take it out of ImportTests.allowed.")
    }

    @Test("Foundation comes only where FoundationEssentials is not there", arguments: allowed.keys.sorted())
    func foundation(room: String) {
        for file in SourceFile.all where file.room == room {
            for (line, module) in file.imports where module == "Foundation" {
                let isFallback = file.lines[..<(line - 1)].last?.contains("#else") == true
                #expect(
                    isFallback,
                    """
                    Sources/\(file.path):\(line) imports Foundation. Write `#if canImport(FoundationEssentials)` `import \
                    FoundationEssentials` `#else` `import Foundation` `#endif`, or do without: it is for JSON and Data.
                    """)
            }
        }
    }

    /// Words that a room never says: they would be another room's business even without an import.
    private static let never: [(room: String, words: String, instead: String)] = [
        (
            "Core", #"\b(FileManager|ContinuousClock|SuspendingClock|Date\(\)|clock_gettime|HTTP[A-Z]\w+)\b"#,
            "Core holds nouns and pure rules: take the time from a WallClock, leave files to Storage and HTTP to Web."
        ),
        (
            "SigV4", #"\b(URL|URLComponents|SQL[A-Z]\w+)\b"#,
            "SigV4 works on the raw text of the request: URL types encode anew what was signed."
        ),
        (
            "Vault", #"\b(RepositoryName|Manifest|CacheRule|HTTP[A-Z]\w+)\b"#,
            "The vault knows keys and secrets, not what they are used for. Pass it names of its own."
        ),
        (
            "Identity", #"\b(RepositoryName|Manifest|HTTP[A-Z]\w+)\b"#,
            "Identity says who asks; what they may do with a repository is Registry's Access."
        ),
        (
            "Registry",
            #"\b(HTTP[A-Z]\w+|statusCode|FileManager|DatabaseQueue|DatabasePool)\b|\bstatus:? *(==|!=)? *[1-5]\d\d\b"#,
            "Throw a Refusal: each door has one table from Refusal.Reason to its status. Files belong behind BlobStore."
        ),
        (
            "Storage", #"\b(Manifest|RepositoryName|Repository|CacheRule|Refusal)\b"#,
            "Drivers keep bytes and rows and do not know what they mean. Throw BlobStoreError or SQLError."
        ),
        (
            "Upstream", #"\b(SQL[A-Z]\w+|BlobStore\w*|StagedBlob|Refusal)\b"#,
            "Upstream brings bytes; Registry decides and keeps them. Throw UpstreamError."
        ),
        (
            "Server", #"\b(\w*Door|AWS\w+|RepositoryName|Manifest|Caller|SQL[A-Z]\w+|BlobStore|StagedBlob|UpstreamRegistry)\b"#,
            "The server speaks HTTP/1.1 to any client and knows no door: what a request means is Web's."
        ),
        (
            "Web", #"\b(SQLDatabase|SQLConnection|SQLValue|SQLRow|BlobStore|StagedBlob|UpstreamRegistry)\b"#,
            "A door decides nothing and keeps nothing: call a service of Registry, Vault or Identity."
        ),
        (
            "Commands", #"\b(SQL[A-Z]\w+|BlobStore\w*|UpstreamRegistry|Keyring|Settings)\b|(?<!["|])\bRegistry\b"#,  // "Registry": the kubelet's word
            "A command asks a running server by its API, and knows nothing but what that answers."
        ),
        (
            "Settings", #"\b(SQL[A-Z]\w+|BlobStore\w*|Keyring|DataFolder)\b"#,
            "Settings are values, read and checked: what is built from them is built in weir."
        ),
    ]

    @Test("A room does not do another's work", arguments: never.map(\.room))
    func neverSaid(room: String) throws {
        for rule in Self.never where rule.room == room {
            let found = try SourceFile.all.filter { $0.room == room }.lines(matching: rule.words)
            #expect(found.isEmpty, "\(rule.instead)\(found.listed)")
        }
    }
}
