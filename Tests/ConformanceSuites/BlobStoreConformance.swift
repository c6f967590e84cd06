package import NIOCore
package import WeirCore

/// The tests that every `BlobStore` must pass. `make` returns a new and empty one each time.
package func checkBlobStore(_ make: () throws -> any BlobStore) async throws {
    let questions: [(String, (any BlobStore) async throws -> Void)] = [
        ("a blob comes back as it went in", blobsComeBack),
        ("ranges are exact, and short only at the end", rangesAreExact),
        ("an empty blob is a blob", emptyBlobs),
        ("nothing is visible before commit", nothingBeforeCommit),
        ("the same digest under two scopes is two blobs", scopesAreApart),
        ("a scope that is no path component is refused", badScopes),
        ("a commit replaces, and readers of the old copy read on", replacing),
        ("a deleted blob is gone, and readers read on", deleting),
        ("a discarded blob is gone, and readers read on", discarding),
        ("what is let go of is discarded", lettingGo),
        ("a committed blob cannot be written or lost", committedIsFinal),
        ("a staged blob can be read after its commit", stagedReadsAfterCommit),
        ("many readers follow one writer", followers),
        ("many blobs are written at once", manyAtOnce),
        ("the start clears what was staged", clearing),
        ("a checkpointed blob outlives its writer and the start", checkpointing),
        ("a walk finds every committed blob once, and no other", walking),
        ("bytes may be put in the place of others until the commit", overwriting),
        ("what is in quarantine is not served, and comes back", quarantining),
        ("one place may be emptied into quarantine many times", quarantiningAgain),
    ]
    for (name, ask) in questions {
        try await check(name) {
            let store = try make()
            try await ask(store)
            try expect(try store.clearStaging(), is: 0)
        }
    }
}

/// Bytes that differ at every offset, so that a shifted read is noticed.
package func pattern(_ count: Int, at offset: Int = 0) -> ByteBuffer {
    var bytes = ByteBufferAllocator().buffer(capacity: count)
    while bytes.readableBytes < count {
        let start = (offset + bytes.readableBytes) % period.count
        bytes.writeBytes(period[start..<min(period.count, start + count - bytes.readableBytes)])
    }
    return bytes
}

private let period = (0..<65_521).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

private func location(_ name: String, scope: String = "plain") -> BlobLocation {
    BlobLocation(scope: scope, digest: Digest(of: name.utf8))
}

private func put(_ bytes: ByteBuffer, _ location: BlobLocation, in store: any BlobStore) throws {
    let staged = try store.stage()
    try staged.append(bytes)
    try staged.commit(as: location)
}

private func get(_ location: BlobLocation, from store: any BlobStore) async throws -> ByteBuffer {
    let blob = try store.open(location)
    return try await blob.read(at: 0, count: Int(blob.size))
}

private func expectMissing(_ location: BlobLocation, in store: any BlobStore) async throws {
    let error = try await caught(BlobStoreError.self) { try store.open(location) }
    try expect(error, is: .missing)
}

private func blobsComeBack(_ store: any BlobStore) async throws {
    let bytes = pattern(3 << 20)
    let staged = try store.stage()
    for start in stride(from: 0, to: bytes.readableBytes, by: 100_000) {
        let count = min(100_000, bytes.readableBytes - start)
        // A slice that does not begin at its buffer's start.
        guard let part = bytes.getSlice(at: start, length: count) else { throw ConformanceFailure("no slice") }
        try staged.append(part)
        try expect(staged.size, is: Int64(start + count))
    }
    try staged.append(ByteBuffer())
    try staged.commit(as: location("a"))
    let blob = try store.open(location("a"))
    try expect(blob.size, is: Int64(bytes.readableBytes))
    try expect(try await blob.read(at: 0, count: bytes.readableBytes) == bytes, "the bytes are the same")
    let sha512 = BlobLocation(scope: "kms-0123456789abcdef", digest: Digest(of: [1, 2], .sha512))
    try put(pattern(10), sha512, in: store)
    try expect(try await get(sha512, from: store), is: pattern(10))
}

private func rangesAreExact(_ store: any BlobStore) async throws {
    try put(pattern(200_000), location("a"), in: store)
    let blob = try store.open(location("a"))
    for (offset, count, wanted) in [
        (0, 1, 1), (1, 65_536, 65_536), (65_535, 2, 2), (199_999, 1, 1), (199_999, 100, 1), (0, 500_000, 200_000),
        (200_000, 10, 0), (300_000, 10, 0), (5, 0, 0),
    ] {
        let bytes = try await blob.read(at: Int64(offset), count: count)
        try expect(bytes == pattern(wanted, at: offset), "\(wanted) bytes at \(offset)")
    }
    _ = try await caught(BlobStoreError.self) { try await blob.read(at: -1, count: 5) }
}

private func overwriting(_ store: any BlobStore) async throws {
    let staged = try store.stage()
    try staged.append(pattern(1_000))
    try staged.overwrite(ByteBuffer(string: "four"), at: 500)
    try expect(staged.size, is: 1_000)
    try staged.append(pattern(10))
    _ = try await caught(BlobStoreError.self) { try staged.overwrite(ByteBuffer(string: "four"), at: 1_008) }
    _ = try await caught(BlobStoreError.self) { try staged.overwrite(ByteBuffer(string: "four"), at: -1) }
    try staged.commit(as: location("a"))
    _ = try await caught(BlobStoreError.self) { try staged.overwrite(ByteBuffer(string: "four"), at: 0) }
    var wanted = pattern(1_000)
    wanted.setString("four", at: wanted.readerIndex + 500)
    wanted.writeImmutableBuffer(pattern(10))
    try expect(try await get(location("a"), from: store), is: wanted)
}

private func emptyBlobs(_ store: any BlobStore) async throws {
    try store.stage().commit(as: location("empty"))
    let blob = try store.open(location("empty"))
    try expect(blob.size, is: 0)
    try expect(try await blob.read(at: 0, count: 10), is: ByteBuffer())
}

private func nothingBeforeCommit(_ store: any BlobStore) async throws {
    let staged = try store.stage()
    try staged.append(pattern(1000))
    try await expectMissing(location("a"), in: store)
    try staged.commit(as: location("a"))
    try expect(try await get(location("a"), from: store), is: pattern(1000))
}

private func scopesAreApart(_ store: any BlobStore) async throws {
    let one = location("a", scope: "aes256-0000000000000001")
    let two = location("a", scope: "aes256-0000000000000002")
    try put(pattern(10), one, in: store)
    try await expectMissing(two, in: store)
    try put(pattern(20), two, in: store)
    try store.delete(one)
    try await expectMissing(one, in: store)
    try expect(try await get(two, from: store), is: pattern(20))
}

private func badScopes(_ store: any BlobStore) async throws {
    for scope in ["", "..", ".", "a/b", "A", "a_b", "a\0b", "ä", String(repeating: "a", count: 65)] {
        let bad = location("a", scope: scope)
        let staged = try store.stage()
        let errors = [
            try await caught(BlobStoreError.self) { try staged.commit(as: bad) },
            try await caught(BlobStoreError.self) { try store.open(bad) },
            try await caught(BlobStoreError.self) { try store.delete(bad) },
        ]
        for error in errors {
            guard case .failed = error else { throw ConformanceFailure("'\(scope)' gives \(error)") }
        }
        staged.discard()
    }
}

private func replacing(_ store: any BlobStore) async throws {
    try put(pattern(1000), location("a"), in: store)
    let old = try store.open(location("a"))
    try put(pattern(50), location("a"), in: store)
    try expect(try await get(location("a"), from: store), is: pattern(50))
    try expect(try await old.read(at: 0, count: 2000), is: pattern(1000))
}

private func deleting(_ store: any BlobStore) async throws {
    try put(pattern(1000), location("a"), in: store)
    try put(pattern(20), location("b"), in: store)
    let reader = try store.open(location("a"))
    try store.delete(location("a"))
    try await expectMissing(location("a"), in: store)
    try expect(try await reader.read(at: 10, count: 100), is: pattern(100, at: 10))
    try store.delete(location("a"))
    try store.delete(location("never there", scope: "no-such-scope"))
    try expect(try await get(location("b"), from: store), is: pattern(20))
}

private func discarding(_ store: any BlobStore) async throws {
    let staged = try store.stage()
    try staged.append(pattern(1000))
    staged.discard()
    staged.discard()
    try expect(try store.clearStaging(), is: 0)
    try expect(try await staged.read(at: 0, count: 1000), is: pattern(1000))
    _ = try await caught(BlobStoreError.self) { try staged.append(pattern(1)) }
    _ = try await caught(BlobStoreError.self) { try staged.commit(as: location("a")) }
    try await expectMissing(location("a"), in: store)
}

private func lettingGo(_ store: any BlobStore) async throws {
    do {
        let staged = try store.stage()
        try staged.append(pattern(1000))
        try expect(staged.size, is: 1000)
    }
    try expect(try store.clearStaging(), is: 0)
}

private func committedIsFinal(_ store: any BlobStore) async throws {
    let staged = try store.stage()
    try staged.append(pattern(10))
    try staged.commit(as: location("a"))
    staged.discard()
    _ = try await caught(BlobStoreError.self) { try staged.append(pattern(1)) }
    _ = try await caught(BlobStoreError.self) { try staged.commit(as: location("b")) }
    try expect(try await get(location("a"), from: store), is: pattern(10))
    try await expectMissing(location("b"), in: store)
}

private func stagedReadsAfterCommit(_ store: any BlobStore) async throws {
    let staged = try store.stage()
    try staged.append(pattern(70_000))
    try expect(try await staged.read(at: 5, count: 10), is: pattern(10, at: 5))
    try staged.commit(as: location("a"))
    try store.delete(location("a"))
    try expect(try await staged.read(at: 60_000, count: 20_000), is: pattern(10_000, at: 60_000))
}

private func followers(_ store: any BlobStore) async throws {
    let staged = try store.stage()
    let total = 4 << 20
    try await withThrowingTaskGroup(of: Void.self) { group in
        for reader in 0..<8 {
            group.addTask {
                var offset = reader * 1000
                while offset < total {
                    let bytes = try await staged.read(at: Int64(offset), count: 50_000 + reader)
                    let isSame = bytes == pattern(bytes.readableBytes, at: offset)
                    try expect(isSame, "reader \(reader) sees what was written at \(offset)")
                    offset += bytes.readableBytes
                    if bytes.readableBytes == 0 { await Task.yield() }
                }
            }
        }
        group.addTask {
            var offset = 0
            while offset < total {
                let count = min(total - offset, 1 + (offset &* 7919) % 70_000)
                try staged.append(pattern(count, at: offset))
                offset += count
                await Task.yield()
            }
        }
        try await group.waitForAll()
    }
    try staged.commit(as: location("a"))
    try expect(try await get(location("a"), from: store) == pattern(total), "the whole is what was written")
}

private func manyAtOnce(_ store: any BlobStore) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<40 {
            group.addTask {
                // Ten places, each written four times with the same bytes, as two pushes of one layer do.
                let location = location("\(number % 10)")
                try put(pattern(1000 + number % 10), location, in: store)
                try expect(try await get(location, from: store), is: pattern(1000 + number % 10))
            }
        }
        try await group.waitForAll()
    }
}

private func clearing(_ store: any BlobStore) async throws {
    try put(pattern(10), location("a"), in: store)
    let one = try store.stage()
    let two = try store.stage()
    try one.append(pattern(10))
    try expect(try store.clearStaging(), is: 2)
    // As after a crash: staged bytes are gone, committed blobs are not.
    _ = try await caught(BlobStoreError.self) { try one.commit(as: location("b")) }
    two.discard()
    try expect(try await get(location("a"), from: store), is: pattern(10))
    try await expectMissing(location("b"), in: store)
    try put(pattern(30), location("b"), in: store)
    try expect(try await get(location("b"), from: store), is: pattern(30))
}

private func walking(_ store: any BlobStore) async throws {
    func found() throws -> [BlobLocation: Int64] {
        var found: [BlobLocation: Int64] = [:]
        for directory in try store.directories() {
            for entry in try store.contents(of: directory) {
                guard let location = entry.location else { throw ConformanceFailure("\(entry.name) is no blob") }
                guard found.updateValue(entry.size, forKey: location) == nil else {
                    throw ConformanceFailure("\(location) lies there twice")
                }
            }
        }
        return found
    }
    try expect(try found(), is: [:])
    let sha512 = BlobLocation(scope: "kms-0123456789abcdef", digest: Digest(of: [1, 2], .sha512))
    var wanted: [BlobLocation: Int64] = [sha512: 7]
    try put(pattern(7), sha512, in: store)
    for number in 0..<20 {
        let location = location("\(number)", scope: number % 2 == 0 ? "plain" : "aes256-0000000000000001")
        try put(pattern(number), location, in: store)
        wanted[location] = Int64(number)
    }
    let staged = try store.stage()
    try staged.append(pattern(10))
    try expect(try found(), is: wanted)
    try store.delete(sha512)
    wanted[sha512] = nil
    try expect(try found(), is: wanted)
    try expect(try store.contents(of: BlobDirectory("blobs/no-such-directory")), is: [])
    staged.discard()
}

private func checkpointing(_ store: any BlobStore) async throws {
    var name = ""
    do {
        let staged = try store.stage()
        try staged.append(pattern(1000))
        name = try staged.checkpoint()
        try staged.append(pattern(500, at: 1000))
        try expect(try staged.checkpoint(), is: name)
    }
    let lost = try store.stage()
    try lost.append(pattern(10))
    try expect(try store.clearStaging(keeping: [name]), is: 1)
    try expect(try await store.openStaged(name).read(at: 0, count: 2000), is: pattern(1500))
    try await expectMissing(location("a"), in: store)
    try store.discardStaged(name)
    try store.discardStaged(name)
    try expect(try await caught(BlobStoreError.self) { try store.openStaged(name) }, is: .missing)
    for bad in ["", "..", "../blobs", String(repeating: "A", count: 32)] {
        _ = try await caught(BlobStoreError.self) { try store.openStaged(bad) }
    }
    // A committed or discarded blob is kept no longer.
    let committed = try store.stage()
    let first = try committed.checkpoint()
    try committed.commit(as: location("a"))
    let discarded = try store.stage()
    let second = try discarded.checkpoint()
    discarded.discard()
    for name in [first, second] { _ = try await caught(BlobStoreError.self) { try store.openStaged(name) } }
    try expect(try await get(location("a"), from: store), is: ByteBuffer())
}

private func quarantining(_ store: any BlobStore) async throws {
    let blob = QuarantinedBlob(location: location("a", scope: "aes256-0000000000000001"), number: "0123456789abcdef")
    try put(pattern(1000), blob.location, in: store)
    let reader = try store.open(blob.location)
    try store.quarantine(blob)
    try await expectMissing(blob.location, in: store)
    try expect(try await reader.read(at: 10, count: 100), is: pattern(100, at: 10))
    try expect(try await store.open(blob).read(at: 0, count: 2000), is: pattern(1000))
    try expect(try walk(store).quarantined, is: [blob: 1000])
    try expect(try walk(store).locations, is: [])
    // The place holds no blob to take, and the quarantine no other blob to bring back.
    try expect(try await caught(BlobStoreError.self) { try store.quarantine(blob) }, is: .missing)
    let other = QuarantinedBlob(location: blob.location, number: "0123456789abcde0")
    try expect(try await caught(BlobStoreError.self) { try store.release(other) }, is: .missing)
    try expect(try await caught(BlobStoreError.self) { try store.open(other) }, is: .missing)
    try store.delete(other)
    try store.release(blob)
    try expect(try await get(blob.location, from: store), is: pattern(1000))
    try expect(try walk(store).quarantined, is: [:])
    try store.quarantine(blob)
    try store.delete(blob)
    try store.delete(blob)
    try expect(try await caught(BlobStoreError.self) { try store.release(blob) }, is: .missing)
    try expect(try walk(store).quarantined, is: [:])
}

private func quarantiningAgain(_ store: any BlobStore) async throws {
    let blobs = (0..<3).map { QuarantinedBlob(location: location("a"), number: "000000000000000\($0)") }
    for (number, blob) in blobs.enumerated() {
        try put(pattern(100 + number), blob.location, in: store)
        try store.quarantine(blob)
    }
    try expect(try walk(store).quarantined, is: [blobs[0]: 100, blobs[1]: 101, blobs[2]: 102])
    try put(pattern(7), location("a"), in: store)
    // What is brought back replaces what lies there.
    try store.release(blobs[1])
    try expect(try await get(location("a"), from: store), is: pattern(101))
    try store.delete(blobs[0])
    try expect(try walk(store).quarantined, is: [blobs[2]: 102])
}

private func walk(_ store: any BlobStore) throws -> (locations: Set<BlobLocation>, quarantined: [QuarantinedBlob: Int64]) {
    var (locations, quarantined): (Set<BlobLocation>, [QuarantinedBlob: Int64]) = ([], [:])
    for directory in try store.directories() + store.quarantineDirectories() {
        for entry in try store.contents(of: directory) {
            if let location = entry.location { locations.insert(location) }
            if let blob = entry.quarantined { quarantined[blob] = entry.size }
        }
    }
    return (locations, quarantined)
}
