import Crypto
import NIOCore
import Testing
import WeirCore
import WeirVault

@Suite struct SealedValueTests {
    let root: RootKey

    init() throws { root = try RootKey(bytes: RootKey.newBytes()) }

    @Test(arguments: [0, 1, 32, 100_000])
    func aValueOpensAsWhatItWasSealedAs(count: Int) throws {
        let plain = [UInt8](repeating: 7, count: count)
        let sealed = try root.seal(plain, as: "access-key/AKIA1")
        #expect(sealed.count == count + SealedValue.overhead)
        #expect(try root.open(sealed, as: "access-key/AKIA1") == plain)
        #expect(throws: SealError.damaged) { try root.open(sealed, as: "access-key/AKIA2") }
        #expect(throws: SealError.damaged) { try RootKey(bytes: RootKey.newBytes()).open(sealed, as: "access-key/AKIA1") }
    }

    @Test func everyFlippedByteIsFound() throws {
        let sealed = try root.seal(Array("secret".utf8), as: "test")
        for index in sealed.indices {
            var bad = sealed
            bad[index] ^= 1
            #expect(throws: SealError.damaged) { try root.open(bad, as: "test") }
        }
        for count in 0..<sealed.count {
            #expect(throws: SealError.damaged) { try root.open(Array(sealed[..<count]), as: "test") }
        }
    }

    @Test func aBufferOpensAsItWas() throws {
        let key = SymmetricKey(size: .bits256)
        let manifest = ByteBuffer(string: #"{"schemaVersion":2}"#)
        let sealed = try SealedValue.seal(manifest, with: key, binding: "manifest")
        #expect(try SealedValue.openBuffer(sealed, with: key, binding: "manifest") == manifest)
    }

    @Test func aRootKeyIsThirtyTwoBytes() {
        for count in [0, 16, 31, 33] {
            #expect(throws: RootKeyError.self) { try RootKey(bytes: [UInt8](repeating: 1, count: count)) }
        }
    }

    @Test func aPurposeAlwaysGivesTheSameKeyAndNoOthers() throws {
        let bytes = RootKey.newBytes()
        let key = try RootKey(bytes: bytes).derive("registry-token")
        #expect(try RootKey(bytes: bytes).derive("registry-token") == key)
        #expect(root.derive("registry-token") != key)
        #expect(try RootKey(bytes: bytes).derive("other") != key)
    }

    @Test func keysAndValuesPrintAsNothing() throws {
        let bytes = [UInt8](repeating: 0xab, count: 32)
        let key = DataKey(key: SymmetricKey(data: bytes), wrapped: bytes)
        let value = SecretValue.text("swordfish")
        let rootKey = try RootKey(bytes: bytes)
        var dumped = ""
        dump(rootKey, to: &dumped)
        dump(key, to: &dumped)
        dump(value, to: &dumped)
        for text in [
            "\(rootKey)", "\(key)", "\(value)", String(reflecting: rootKey), String(reflecting: key), String(reflecting: value),
            dumped,
        ] {
            #expect(!text.contains("171") && !text.contains("ab") && !text.contains("swordfish"))
        }
    }

    @Test func aScopeIsSafeInAPathAndItsOwn() throws {
        let scopes =
            try ["us-east-1", "us-east-2"].map { SealingKey.registry(try TestVault.registry("111122223333", $0)).scope }
            + [SealingKey.kms(arn: "arn:aws:kms:us-east-1:111122223333:key/1").scope]
        #expect(Set(scopes).count == 3)
        for scope in scopes {
            #expect(scope.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7a) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2d })
        }
        #expect(scopes[0].hasPrefix("aes256-") && scopes[2].hasPrefix("kms-"))
    }
}
