// swift-tools-version: 6.2
import PackageDescription

/// Settings of every target, once: the language as strict as it goes, and no warning left standing.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// The program brings Swift's libraries with it: it runs where no Swift is installed, and a request costs a fifth less CPU than
/// through shared ones. What Foundation's archives need stands after them.
let selfContained: [LinkerSetting] =
    [.unsafeFlags(["-static-stdlib"], .when(platforms: [.linux]))]
    + ["CoreFoundation", "_FoundationCShims", "_FoundationCollections", "_FoundationICU"].map {
        .linkedLibrary($0, .when(platforms: [.linux]))
    }

extension Target.Dependency {
    static let text: Self = "WeirText"
    static let core: Self = "WeirCore"
    static let sigV4: Self = "WeirSigV4"
    static let vault: Self = "WeirVault"
    static let identity: Self = "WeirIdentity"
    static let registry: Self = "WeirRegistry"
    static let storage: Self = "WeirStorage"
    static let upstream: Self = "WeirUpstream"
    static let server: Self = "WeirServer"
    static let web: Self = "WeirWeb"
    static let application: Self = "WeirApplication"
    static let commands: Self = "WeirCommands"
    static let testSupport: Self = "TestSupport"
    static let settings: Self = "WeirSettings"

    static let nioCore: Self = .product(name: "NIOCore", package: "swift-nio")
    static let nioPosix: Self = .product(name: "NIOPosix", package: "swift-nio")
    static let nioHTTP1: Self = .product(name: "NIOHTTP1", package: "swift-nio")
    static let nioTLS: Self = .product(name: "NIOTLS", package: "swift-nio")
    static let nioEmbedded: Self = .product(name: "NIOEmbedded", package: "swift-nio")
    static let nioSSL: Self = .product(name: "NIOSSL", package: "swift-nio-ssl")
    static let nioHTTPTypesHTTP1: Self = .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
    static let crypto: Self = .product(name: "Crypto", package: "swift-crypto")
    static let cryptoExtras: Self = .product(name: "CryptoExtras", package: "swift-crypto")
    static let httpTypes: Self = .product(name: "HTTPTypes", package: "swift-http-types")
    static let asyncHTTPClient: Self = .product(name: "AsyncHTTPClient", package: "async-http-client")
    static let grdb: Self = .product(name: "GRDB", package: "GRDB.swift")
    static let logging: Self = .product(name: "Logging", package: "swift-log")
    static let metrics: Self = .product(name: "Metrics", package: "swift-metrics")
    static let lifecycle: Self = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let unixSignals: Self = .product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let argumentParser: Self = .product(name: "ArgumentParser", package: "swift-argument-parser")
    static let configuration: Self = .product(name: "Configuration", package: "swift-configuration")
    static let system: Self = .product(name: "SystemPackage", package: "swift-system")
    static let x509: Self = .product(name: "X509", package: "swift-certificates")
    static let asn1: Self = .product(name: "SwiftASN1", package: "swift-asn1")
}

/// A room of the house (docs/architecture.md): `Sources/Core` is the target `WeirCore`.
func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(
        name: "Weir\(name)", dependencies: dependencies, path: "Sources/\(name)", swiftSettings: settings)
}

/// A room's tests: unit tests beside the house, in `Tests/<name>`.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: "Tests/\(name)", swiftSettings: settings)
}

let package = Package(
    name: "weir",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "weir", targets: ["weir"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-crypto.git", .upToNextMinor(from: "4.5.2")),  // Vault calls the BoringSSL that it brings
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-certificates.git", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-system.git", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-asn1.git", from: "1.7.4"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
    ],
    targets: [
        .target(name: "CPlatform", path: "Sources/CPlatform"),
        room("Text", []),
        room("Core", [.text, .nioCore, .crypto]),
        room("SigV4", [.text, .crypto]),
        room("Vault", [.text, .core, .crypto, .nioCore]),
        room("Identity", [.text, .core, .vault, .crypto, .cryptoExtras]),
        room("Registry", [.text, .core, .vault, .crypto, .nioCore, .logging, .metrics, .lifecycle]),
        room("Storage", [.text, .core, "CPlatform", .grdb, .nioCore, .nioPosix]),
        room(
            "Upstream",
            [
                .text, .core, .sigV4, .asyncHTTPClient, .nioCore, .nioPosix, .nioHTTP1, .nioTLS, .nioSSL, .crypto, .logging,
                .metrics,
            ]),
        room(
            "Server",
            [
                .text, .core, .httpTypes, .nioCore, .nioPosix, .nioHTTP1, .nioHTTPTypesHTTP1, .nioSSL, .lifecycle, .logging,
                .metrics,
            ]),
        room(
            "Web",
            [
                .text, .core, .sigV4, .identity, .registry, .vault, .server, .httpTypes, .nioCore, .nioPosix, .lifecycle,
                .logging,
                .metrics,
            ]),
        room("Application", [.core, .vault, .identity, .registry, .server, .web, .nioCore, .lifecycle, .logging]),
        room(
            "Commands",
            [.text, .core, .sigV4, .upstream, .argumentParser, .asyncHTTPClient, .nioCore, .nioHTTP1, .nioSSL]),
        room("Settings", [.text, .core, .registry, .server, .web, .argumentParser, .configuration, .system, .logging]),
        .executableTarget(
            name: "weir",
            dependencies: [
                .text, .core, .sigV4, .vault, .identity, .registry, .storage, .upstream, .server, .web, .application, .commands, .settings,
                "CPlatform", .argumentParser,
                .asyncHTTPClient, .nioHTTP1, .nioSSL,
                .lifecycle, .unixSignals, .logging, .metrics, .nioCore, .crypto, .x509, .asn1,
            ],
            path: "Sources/weir", swiftSettings: settings, linkerSettings: selfContained),
        tests("TextTests", [.text]),
        tests("CoreTests", [.core, .nioCore, .crypto, "ConformanceSuites"]),
        tests("SigV4Tests", [.sigV4]),
        tests("VaultTests", [.core, .vault, .storage, .crypto, .nioCore, "ConformanceSuites"]),
        tests("IdentityTests", [.text, .core, .vault, .identity, .storage, .crypto, .cryptoExtras, "ConformanceSuites"]),
        tests("RegistryTests", [.core, .vault, .registry, .storage, .application, .nioCore, .logging, "ConformanceSuites", .testSupport]),
        tests("PlatformTests", ["CPlatform"]),
        tests("StorageTests", [.core, .storage, .nioCore, "ConformanceSuites"]),
        tests(
            "UpstreamTests",
            [.text, .core, .sigV4, .upstream, .nioCore, .nioEmbedded, .nioPosix, .nioHTTP1, .nioSSL, .crypto, .logging, "ConformanceSuites"]),
        tests(
            "ServerTests",
            [
                .core, .server, .httpTypes, .nioCore, .nioEmbedded, .nioPosix, .nioHTTP1, .lifecycle, .logging, .metrics,
                .product(name: "MetricsTestKit", package: "swift-metrics"),
            ]),
        tests(
            "WebTests",
            [
                .core, .sigV4, .vault, .identity, .registry, .storage, .server, .web, .application, .httpTypes, .nioCore, .lifecycle, .logging,
                .metrics, "ConformanceSuites", .testSupport,
            ]),
        tests("CommandsTests", [.core, .sigV4, .upstream, .commands, .argumentParser]),
        tests("SettingsTests", [.settings, .argumentParser]),
        tests("ImportTests", []),
        tests("FuzzTests", ["Fuzz"]),
        // `make fuzz`: what is tried, and the program that tries it for long.
        .target(
            name: "Fuzz", dependencies: [.text, .core, .sigV4, .vault, .identity, .storage, .upstream, .web, .nioCore, .crypto],
            path: "Tests/Fuzz",
            swiftSettings: settings),
        .executableTarget(
            name: "weir-fuzz", dependencies: ["Fuzz", "CPlatform", .argumentParser], path: "Tests/FuzzProgram",
            swiftSettings: settings),
        .target(
            name: "TestSupport", dependencies: [.core, .vault, .identity, .storage, .server, .web, .application, .logging, "ConformanceSuites"],
            path: "Tests/TestSupport", swiftSettings: settings),
        .target(name: "ConformanceSuites", dependencies: [.core, .nioCore], path: "Tests/ConformanceSuites", swiftSettings: settings),
    ]
)
