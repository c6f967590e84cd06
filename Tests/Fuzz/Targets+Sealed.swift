import Crypto
import Foundation
import NIOCore
import WeirCore
import WeirIdentity
import WeirStorage
import WeirVault

extension FuzzTarget {
    /// Data that this server wrote itself and that was changed since: sealed files and values, passwords.
    static func sealed() async throws -> [FuzzTarget] {
        let clock = WallClock { Timestamp(seconds: 1_800_000_000) }
        let database = try SQLiteDatabase.inMemory()
        try await database.migrate(VaultSchema.migrations + IdentitySchema.migrations)
        let root = try RootKey(bytes: RootKey.newBytes())
        let vault = try await Vault.open(database: database, root: root, clock: clock)
        let registry = RegistryID(account: try AccountID("111122223333"), region: try Region("us-east-2"))
        let key = SealingKey.registry(registry)
        try await vault.keyring.prepare(key)
        let keys = AccessKeys(database: database, rootKey: root, clock: clock)
        try await keys.add(id: "AKIAFUZZ", secret: "a secret of the fuzzer's own, long enough", account: registry.account)
        return [
            try file(vault.keyring, key), try value(), sizes,
            try password(tokens(root, keys, database, clock), registry, clock),
        ]
    }

    private static func file(_ keyring: Keyring, _ key: SealingKey) throws -> FuzzTarget {
        let seeds = try [0, 1, 1000, SealedFormat.segmentSize + 5].map { size in
            let plain = ByteBuffer(bytes: (0..<size).map { UInt8(truncatingIfNeeded: $0) })
            return Array(try SegmentSealer.seal(whole: plain, keyring.generateDataKey(under: key), under: key).readableBytesView)
        }
        return FuzzTarget("sealed-file", bytes: seeds) { bytes in
            outcome {
                guard let size = SealedFormat.plainSize(ofFileSize: Int64(bytes.count)) else { return .refused }
                demand(SealedFormat.fileSize(ofPlainSize: size) == Int64(bytes.count), "a file of \(bytes.count) bytes")
                let opener = try SegmentOpener(
                    header: ByteBuffer(bytes: bytes.prefix(SealedFormat.headerSize)), of: .unfinished, keyring: keyring, key: key)
                var plain = ByteBuffer()
                try opener.open(
                    run: ByteBuffer(bytes: bytes.dropFirst(SealedFormat.headerSize)), first: 0, plainSize: size, into: &plain)
                demand(Int64(plain.readableBytes) == size, "\(plain.readableBytes) bytes of \(size)")
                return .taken("opened")
            }
        }
    }

    private static func value() throws -> FuzzTarget {
        let key = SymmetricKey(size: .bits256)
        let seed = try SealedValue.seal(Array("a secret".utf8), with: key, binding: "here")
        return FuzzTarget("sealed-value", bytes: [seed, []]) { bytes in
            outcome {
                let plain = try SealedValue.open(bytes, with: key, binding: "here")
                demand(bytes == seed && plain == Array("a secret".utf8), "a changed value opens")
                return .taken("opened")
            }
        }
    }

    /// The arithmetic of sizes, for every size that a file system or a row may hold.
    private static let sizes = FuzzTarget(
        "sealed-sizes", texts: ["0", "512", "65536", "70000", "54525952000", "9223372036854775807", "-1"]
    ) { text in
        guard let size = Int64(text.prefix { $0 != "\n" }) else { return .refused }
        guard let plain = SealedFormat.plainSize(ofFileSize: size) else { return .taken("no size of a file") }
        demand(plain >= 0 && SealedFormat.fileSize(ofPlainSize: plain) == size, "a file of \(size) bytes")
        return .taken(SealedFormat.segmentCount(ofPlainSize: plain) > 1 ? "sizes" : "size")
    }

    private static func tokens(
        _ root: RootKey, _ keys: AccessKeys, _ database: any SQLDatabase, _ clock: WallClock
    ) throws -> RegistryTokens {
        let principals = Principals(store: IdentityStore(database: database, clock: clock)) { _ in true }
        var settings = RegistryTokens.Settings()
        settings.takesUserKeys = false
        return RegistryTokens(
            rootKey: root,
            credentials: Credentials(keys: keys, principals: principals, tokens: SessionTokens(rootKey: root)),
            region: try Region("us-east-2"), settings: settings)
    }

    private static func password(
        _ tokens: RegistryTokens, _ registry: RegistryID, _ clock: WallClock
    ) throws -> FuzzTarget {
        let password = try tokens.issue(
            for: .root(of: registry.account), accessKeyID: "AKIAFUZZ", region: registry.region, at: clock.now
        ).password
        let header = "Basic " + Data("AWS:\(password)".utf8).base64EncodedString()
        return FuzzTarget(
            "password", texts: [header, "Basic QVdTOng=", "basic ", "Bearer x", "Basic \(password)"],
            words: ["Basic ", "=", "QVdT"]
        ) { text in
            outcome {
                let id = try tokens.accessKeyID(in: text)
                demand(id == "AKIAFUZZ", "somebody else's password")
                return .taken("signed in")
            }
        }
    }
}
