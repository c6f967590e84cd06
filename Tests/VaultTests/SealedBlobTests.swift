import enum Crypto.AES
import Foundation
import NIOCore
import Testing
import WeirCore
import WeirVault

@Suite struct SealedBlobTests {
    let keyring: Keyring
    let key: SealingKey

    init() async throws {
        let test = try await TestVault()
        key = .registry(test.home)
        try await test.keyring.prepare(key)
        keyring = test.keyring
    }

    private func plain(_ count: Int) -> ByteBuffer {
        ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) })
    }

    private func seal(_ plain: ByteBuffer) throws -> ByteBuffer {
        try SegmentSealer.seal(whole: plain, keyring.generateDataKey(under: key), under: key)
    }

    /// Opens a whole file as a reader does that knows its bytes and the content's digest.
    private func open(_ file: ByteBuffer, of content: ByteBuffer) throws -> ByteBuffer {
        guard let size = SealedFormat.plainSize(ofFileSize: Int64(file.readableBytes)),
            let header = file.getSlice(at: 0, length: SealedFormat.headerSize)
        else { throw SealError.damaged }
        let opener = try SegmentOpener(
            header: header, of: .whole(Digest(of: content.readableBytesView)), keyring: keyring, key: key)
        var plain = ByteBuffer()
        var run = file
        run.moveReaderIndex(forwardBy: SealedFormat.headerSize)
        try opener.open(run: run, first: 0, plainSize: size, into: &plain)
        return plain
    }

    @Test(arguments: [0, 1, 16, 65_535, 65_536, 65_537, 131_072, 200_001])
    func whatWasSealedOpens(count: Int) throws {
        let content = plain(count)
        let file = try seal(content)
        #expect(Int64(file.readableBytes) == SealedFormat.fileSize(ofPlainSize: Int64(count)))
        #expect(SealedFormat.plainSize(ofFileSize: Int64(file.readableBytes)) == Int64(count))
        #expect(try open(file, of: content) == content)
    }

    @Test func aRangeOpensWithoutTheRest() throws {
        let content = plain(300_000)
        let file = try seal(content)
        let header = try #require(file.getSlice(at: 0, length: SealedFormat.headerSize))
        let digest = Digest(of: content.readableBytesView)
        let opener = try SegmentOpener(
            header: header, of: .whole(digest), keyring: keyring, key: key)
        for range in [Int64(0)..<1, 65_535..<65_537, 70_000..<70_100, 131_072..<262_144, 299_999..<300_000] {
            let segments = SealedFormat.segments(forPlain: range, plainSize: 300_000)
            let sealed = SealedFormat.sealedRange(forPlain: range, plainSize: 300_000)
            let run = try #require(file.getSlice(at: Int(sealed.lowerBound), length: sealed.count))
            var opened = ByteBuffer()
            try opener.open(run: run, first: segments.lowerBound, plainSize: 300_000, into: &opened)
            let start = Int(range.lowerBound - segments.lowerBound * Int64(SealedFormat.segmentSize))
            #expect(
                opened.getSlice(at: start, length: range.count)
                    == content.getSlice(at: Int(range.lowerBound), length: range.count))
        }
    }

    @Test func aSizeThatNoSealedFileHasIsToldApart() {
        let sizes: [Int64] = [0, 511, 512, 539, 512 + 65_564 + 28, 512 + 65_564 + 1]
        for size in sizes {
            #expect(SealedFormat.plainSize(ofFileSize: size) == nil)
        }
    }

    @Test func everyFlippedBitOfASmallFileIsFound() throws {
        let file = try seal(plain(20))
        for index in 0..<file.readableBytes {
            for bit in [UInt8(1), 0x80] {
                var bad = file
                let byte = try #require(bad.getInteger(at: index, as: UInt8.self))
                bad.setInteger(byte ^ bit, at: index)
                #expect(throws: SealError.self, "byte \(index)") { try open(bad, of: plain(20)) }
            }
        }
    }

    @Test func flippedBytesOfALongFileAreFound() throws {
        let file = try seal(plain(140_000))
        for index in stride(from: 0, to: file.readableBytes, by: 9_973) {
            var bad = file
            let byte = try #require(bad.getInteger(at: index, as: UInt8.self))
            bad.setInteger(byte ^ 4, at: index)
            #expect(throws: SealError.self, "byte \(index)") { try open(bad, of: plain(140_000)) }
        }
    }

    @Test func aFileCutShortDoesNotOpenAtItsEnd() throws {
        let file = try seal(plain(3 * SealedFormat.segmentSize))
        let cuts = [
            1, 28, 29, 65_563, SealedFormat.sealedSegmentSize, SealedFormat.sealedSegmentSize + 1,
            2 * SealedFormat.sealedSegmentSize,
        ]
        for cut in cuts {
            let short = try #require(file.getSlice(at: 0, length: file.readableBytes - cut))
            #expect(throws: SealError.self, "\(cut) bytes less") { try open(short, of: plain(3 * SealedFormat.segmentSize)) }
        }
    }

    @Test func aSegmentInAnothersPlaceDoesNotOpen() throws {
        let file = try seal(plain(3 * SealedFormat.segmentSize))
        let (header, size) = (SealedFormat.headerSize, SealedFormat.sealedSegmentSize)
        let parts = try (0..<3).map { try #require(file.getSlice(at: header + $0 * size, length: size)) }
        for order in [[1, 0, 2], [0, 2, 1], [0, 0, 2], [0, 1, 2, 2]] {
            var mixed = try #require(file.getSlice(at: 0, length: header))
            for index in order { mixed.writeImmutableBuffer(parts[index]) }
            #expect(throws: SealError.self, "\(order)") { try open(mixed, of: plain(3 * SealedFormat.segmentSize)) }
        }
    }

    @Test func bytesAddedAtTheEndAreFound() throws {
        var file = try seal(plain(1_000))
        file.writeRepeatingByte(0, count: 10)
        #expect(throws: SealError.self) { try open(file, of: plain(1_000)) }
    }

    @Test func anotherKeyDoesNotOpenIt() async throws {
        let test = try await TestVault()
        let other = SealingKey.registry(try TestVault.registry("111122223333", "eu-west-1"))
        try await test.keyring.prepare(other)
        let file = try seal(plain(10))
        let header = try #require(file.getSlice(at: 0, length: SealedFormat.headerSize))
        #expect(throws: SealError.self) { try SegmentOpener(header: header, of: .unfinished, keyring: test.keyring, key: other) }
    }

    // MARK: Which blob it is

    @Test(arguments: [0, 1, 65_536, 200_001])
    func aBlobInAnothersPlaceDoesNotOpen(count: Int) throws {
        let (mine, other) = (plain(count), plain(count + 1))
        var same = mine
        same.setInteger(UInt8(7), at: 0)
        for stranger in [other, same] where stranger != mine {
            #expect(throws: SealError.self) { try open(try seal(stranger), of: mine) }
        }
    }

    @Test func whatWasNeverFinishedIsNoWholeBlob() throws {
        let content = plain(10)
        var sealer = try SegmentSealer(try keyring.generateDataKey(under: key), under: key)
        var file = sealer.header
        #expect(throws: SealError.self) { try sealer.binding(to: Digest(of: content.readableBytesView)) }
        try sealer.seal(content, isLast: true, into: &file)
        #expect(throws: SealError.self) { try open(file, of: content) }
        let binding = try sealer.binding(to: Digest(of: content.readableBytesView))
        file.setBuffer(binding, at: Int(sealer.bindingOffset))
        #expect(try open(file, of: content) == content)
    }

    /// Sealed as the first version did, written out here once more.
    private func sealedByTheFirstVersion(_ content: ByteBuffer) throws -> ByteBuffer {
        let dataKey = try keyring.generateDataKey(under: key)
        var file = ByteBuffer(string: "WEIR")
        file.writeBytes([1, 1, UInt8(key.scope.utf8.count)])
        file.writeString(key.scope)
        file.writeInteger(UInt16(dataKey.wrapped.count))
        file.writeBytes(dataKey.wrapped)
        file.writeRepeatingByte(0, count: SealedFormat.headerSize - file.readableBytes)
        var rest = content
        var number: UInt64 = 0
        repeat {
            let segment = rest.readSlice(length: min(rest.readableBytes, SealedFormat.segmentSize)) ?? ByteBuffer()
            let counter = withUnsafeBytes(of: number.bigEndian) { Array($0) }
            let box = try AES.GCM.seal(
                Array(segment.readableBytesView), using: dataKey.key, nonce: AES.GCM.Nonce(data: [0, 0, 0, 0] + counter),
                authenticating: Array("WEIR".utf8) + [1, 1, rest.readableBytes == 0 ? 1 : 0] + counter)
            file.writeBytes(try #require(box.combined))
            number += 1
        } while rest.readableBytes > 0
        return file
    }

    @Test(arguments: [0, 1, 65_536, 200_001])
    func theFirstVersionIsStillRead(count: Int) throws {
        #expect(try open(sealedByTheFirstVersion(plain(count)), of: plain(count)) == plain(count))
    }

    @Test func noVersionPassesForTheOther() throws {
        for file in [try sealedByTheFirstVersion(plain(20)), try seal(plain(20))] {
            var bad = file
            bad.setInteger(UInt8(file.getInteger(at: 4, as: UInt8.self) == 1 ? 2 : 1), at: 4)
            #expect(throws: SealError.self) { try open(bad, of: plain(20)) }
        }
        // With the binding blanked out too, and with the version from before it.
        var bare = try seal(plain(20))
        bare.setInteger(UInt8(1), at: 4)
        let at = 4 + 3 + key.scope.utf8.count
        let length = Int(try #require(bare.getInteger(at: at, as: UInt16.self)))
        bare.setRepeatingByte(0, count: SealedFormat.headerSize - at - 2 - length, at: at + 2 + length)
        #expect(throws: SealError.self) { try open(bare, of: plain(20)) }
    }

    @Test func aMarkerIsNowhereInTheFile() throws {
        let marker = "MARKER-9f3b1c"
        let content = ByteBuffer(string: String(repeating: marker, count: 9_000))
        let file = try seal(content)
        #expect(!String(decoding: file.readableBytesView, as: UTF8.self).contains(marker))
        #expect(try seal(content) != file)
    }

    @Test func aSealerRefusesSegmentsThatCannotBe() throws {
        var sealed = ByteBuffer()
        var sealer = try SegmentSealer(try keyring.generateDataKey(under: key), under: key)
        #expect(throws: SealError.self) { try sealer.seal(plain(10), isLast: false, into: &sealed) }
        #expect(throws: SealError.self) { try sealer.seal(plain(65_537), isLast: true, into: &sealed) }
        try sealer.seal(plain(65_536), isLast: false, into: &sealed)
        #expect(throws: SealError.self) { try sealer.seal(ByteBuffer(), isLast: true, into: &sealed) }
        try sealer.seal(plain(1), isLast: true, into: &sealed)
        #expect(throws: SealError.self) { try sealer.seal(plain(1), isLast: true, into: &sealed) }
    }

    @Test func aReaderMayFollowTheOneWhoSeals() throws {
        let dataKey = try keyring.generateDataKey(under: key)
        var sealer = try SegmentSealer(dataKey, under: key)
        var sealed = ByteBuffer()
        try sealer.seal(plain(65_536), isLast: false, into: &sealed)
        var opened = ByteBuffer()
        try SegmentOpener(dataKey).open(run: sealed, first: 0, plainSize: .max / 4, into: &opened)
        #expect(opened == plain(65_536))
    }
}
