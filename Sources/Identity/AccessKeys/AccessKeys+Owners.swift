import Synchronization
package import WeirCore
import WeirVault

/// The keys of users and roots, as they manage them.
///
/// What a key may is what its entry in memory says. An entry follows its row exactly: it becomes active after the row is on disk,
/// and inactive before. Changes of one key that run at the same time are applied in the order in which they were written.
extension AccessKeys {
    /// The keys that a user, or an account's root, may have.
    package static let mostOfOwner = 2

    /// A new active key. Throws `.iamLimitExceeded` where the owner has two, and `.noSuchEntity` where the user is gone.
    package func create(for owner: Owner) async throws -> NewAccessKey {
        let now = clock.now
        let secret = Self.newSecret()
        let id = reserve(for: owner, secret, at: now)
        do {
            let row = AccessKeyTable.Row(
                id: id, owner: owner, sealedSecret: try rootKey.seal(Array(secret.utf8), as: Self.purpose(id)), createdAt: now,
                status: .active)
            let change = try await database.write { [self] sql in
                try Self.checkExists(owner, sql)
                guard try AccessKeyTable.count(of: owner, sql) < Int64(Self.mostOfOwner) else {
                    throw Refusal.overQuota("AccessKeysPerUser", Self.mostOfOwner)
                }
                try AccessKeyTable.put(row, sql)
                return nextChange()
            }
            apply(.active, to: id, change)
        } catch {
            entries.withLock { $0[id] = nil }
            throw error
        }
        return NewAccessKey(id: id, createdAt: now, secret: secret)
    }

    /// The oldest first.
    package func list(of owner: Owner) async throws -> [AccessKey] {
        try await database.read { sql in try AccessKeyTable.list(of: owner, sql) }
    }

    /// When this returns, the key is as it says: no request that begins afterwards is signed with an inactive one. Throws
    /// `.noSuchEntity` if the key is not the owner's.
    package func set(_ status: Status, of id: String, owner: Owner) async throws {
        if status == .inactive { deactivate(id, of: owner) }
        let change = try await database.write { [self] sql in
            guard try AccessKeyTable.set(status, of: id, owner, sql) else { throw Refusal.noSuchKey(id) }
            return nextChange()
        }
        apply(status, to: id, change)
    }

    /// Throws `.noSuchEntity` if the key is not the owner's.
    package func delete(_ id: String, of owner: Owner) async throws {
        deactivate(id, of: owner)
        try await database.write { sql in
            guard try AccessKeyTable.delete(id, of: owner, sql) else { throw Refusal.noSuchKey(id) }
        }
        entries.withLock { $0[id] = nil }
        await database.scrub()
    }

    // MARK: Last uses

    /// Notes that a request was signed with the key. Nothing is written: `uses.write()` does that.
    package func used(_ id: String, service: String, region: Region, at now: Timestamp) {
        guard entries.withLock({ $0[id] != nil }) else { return }
        uses.note(key: id, LastUse(at: now, service: service, region: region.description))
    }

    /// Nil if the key was never used.
    package func lastUse(of id: String) async throws -> LastUse? {
        if let use = uses.use(ofKey: id) { return use }
        return try await database.read { sql in try AccessKeyTable.lastUse(of: id, sql) }
    }

    /// Writes when keys and roles were last used: once a minute, and when the server stops.
    package func writeLastUses() async throws { try await uses.write() }

    // MARK: What they share

    /// A new id, whose entry is not active yet.
    private func reserve(for owner: Owner, _ secret: String, at now: Timestamp) -> String {
        entries.withLock { entries in
            var id = AccessKeyID.new(AccessKeyID.longLived, in: owner.account)
            while entries[id] != nil { id = AccessKeyID.new(AccessKeyID.longLived, in: owner.account) }
            entries[id] = Entry(owner: owner, secret: Array(secret.utf8), createdAt: now, status: .inactive)
            return id
        }
    }

    private func deactivate(_ id: String, of owner: Owner) {
        entries.withLock { entries in
            if let entry = entries[id], entry.owner.isSame(as: owner) { entries[id]?.status = .inactive }
        }
    }

    private func apply(_ status: Status, to id: String, _ change: UInt64) {
        entries.withLock { entries in
            guard var entry = entries[id], entry.change < change else { return }
            entry.status = status
            entry.change = change
            entries[id] = entry
        }
    }

    private static func checkExists(_ owner: Owner, _ sql: any SQLConnection) throws {
        guard case .user(id: let id, account: let account) = owner else { return }
        guard let user = try EntityTable.find(id: id, sql), user.kind == .user, user.account == account else {
            throw Refusal(.noSuchEntity, "The user with id \(id) cannot be found.")
        }
    }

    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// 40 characters of base64's alphabet, from the system's generator.
    private static func newSecret() -> String {
        var generator = SystemRandomNumberGenerator()
        return String(decoding: (0..<40).map { _ in letters.randomElement(using: &generator) ?? letters[0] }, as: UTF8.self)
    }
}

extension AccessKeys.Owner {
    /// A root is the same in each partition's spelling of its ARN.
    func isSame(as other: AccessKeys.Owner) -> Bool {
        switch (self, other) {
        case (.root(let one, partition: _), .root(let two, partition: _)): one == two
        default: self == other
        }
    }
}

extension Refusal {
    package static func noSuchKey(_ id: String) -> Refusal {
        Refusal(.noSuchEntity, "The Access Key with id \(id) cannot be found.")
    }
}
