import Crypto
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

    /// Opens a whole file as a reader does who knows nothing but its bytes.
    private func open(_ file: ByteBuffer) throws -> ByteBuffer {
        guard let size = SealedFormat.plainSize(ofFileSize: Int64(file.readableBytes)),
            let header = file.getSlice(at: 0, length: SealedFormat.headerSize)
        else { throw SealError.damaged }
        let opener = try SegmentOpener(header: header, keyring: keyring, key: key)
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
        #expect(try open(file) == content)
    }

    @Test func aRangeOpensWithoutTheRest() throws {
        let content = plain(300_000)
        let file = try seal(content)
        let header = try #require(file.getSlice(at: 0, length: SealedFormat.headerSize))
        let opener = try SegmentOpener(header: header, keyring: keyring, key: key)
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
                #expect(throws: SealError.self, "byte \(index)") { try open(bad) }
            }
        }
    }

    @Test func flippedBytesOfALongFileAreFound() throws {
        let file = try seal(plain(140_000))
        for index in stride(from: 0, to: file.readableBytes, by: 9_973) {
            var bad = file
            let byte = try #require(bad.getInteger(at: index, as: UInt8.self))
            bad.setInteger(byte ^ 4, at: index)
            #expect(throws: SealError.self, "byte \(index)") { try open(bad) }
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
            #expect(throws: SealError.self, "\(cut) bytes less") { try open(short) }
        }
    }

    @Test func aSegmentInAnothersPlaceDoesNotOpen() throws {
        let file = try seal(plain(3 * SealedFormat.segmentSize))
        let (header, size) = (SealedFormat.headerSize, SealedFormat.sealedSegmentSize)
        let parts = try (0..<3).map { try #require(file.getSlice(at: header + $0 * size, length: size)) }
        for order in [[1, 0, 2], [0, 2, 1], [0, 0, 2], [0, 1, 2, 2]] {
            var mixed = try #require(file.getSlice(at: 0, length: header))
            for index in order { mixed.writeImmutableBuffer(parts[index]) }
            #expect(throws: SealError.self, "\(order)") { try open(mixed) }
        }
    }

    @Test func bytesAddedAtTheEndAreFound() throws {
        var file = try seal(plain(1_000))
        file.writeRepeatingByte(0, count: 10)
        #expect(throws: SealError.self) { try open(file) }
    }

    @Test func anotherKeyDoesNotOpenIt() async throws {
        let test = try await TestVault()
        let other = SealingKey.registry(try TestVault.registry("111122223333", "eu-west-1"))
        try await test.keyring.prepare(other)
        let file = try seal(plain(10))
        let header = try #require(file.getSlice(at: 0, length: SealedFormat.headerSize))
        #expect(throws: SealError.self) { try SegmentOpener(header: header, keyring: test.keyring, key: other) }
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
