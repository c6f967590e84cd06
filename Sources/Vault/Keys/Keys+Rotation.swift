package import WeirCore

/// Rotation: scheduled (`settle` carries it out) and on demand.
extension Keys {
    /// KMS's quota of on-demand rotations in a key's life.
    package static let mostRotationsOnDemand = 25

    package func enableRotation(of name: String, in registry: RegistryID, everyDays days: Int?) async throws {
        let now = clock.now
        try await change(name, in: registry) { key throws(Refusal) in
            try key.checkUsable()
            let days = days ?? key.rotation?.days ?? KMSKey.Rotation.defaultDays
            guard key.rotation?.days != days else { return }
            key.rotation = KMSKey.Rotation(days: days, next: now + .days(days))
        }
    }

    package func disableRotation(of name: String, in registry: RegistryID) async throws {
        try await change(name, in: registry) { key throws(Refusal) in
            try key.checkUsable()
            key.rotation = nil
        }
    }

    /// Rotates the key now: when this returns, the new bytes seal. Older versions still open, and the schedule does not change.
    @discardableResult
    package func rotateOnDemand(_ name: String, in registry: RegistryID) async throws -> KMSKey {
        let reference = try KeyReference.key(name, in: registry)
        try await settle()
        let now = clock.now
        let (rotated, materials) = try await database.write { [keyring] sql in
            let key = try reference.find(in: registry, sql)
            try key.checkCustomers()
            try key.checkUsable()
            guard try MaterialTable.rotations(of: key, sql).count(where: \.isOnDemand) < Self.mostRotationsOnDemand else {
                throw Refusal(
                    .kmsLimitExceeded, "\(key.arn) was rotated on demand \(Self.mostRotationsOnDemand) times: that is the most.")
            }
            let rotated = try Self.rotate(key, at: now, onDemand: true, keyring, sql)
            return (rotated, try MaterialTable.all(of: rotated, sql))
        }
        try keyring.hold(rotated, materials)
        return rotated
    }

    /// A page of a key's versions, the oldest first.
    ///
    /// - Parameter first: true to include the first version, which is not the result of a rotation.
    package func rotations(
        of name: String, in registry: RegistryID, first: Bool, after place: String?, limit: Int
    ) async throws -> (key: KMSKey, page: VaultPage<KMSKey.Material>) {
        let reference = try KeyReference(name, in: registry)
        try await settle()
        let (key, materials) = try await database.read { sql in
            let key = try reference.find(in: registry, sql)
            return (key, try MaterialTable.rotations(of: key, sql))
        }
        let after = place.flatMap { Int64($0) } ?? 0
        let listed = materials.filter { $0.version > after && (first || !$0.isFirst) }
        return (key, VaultPage(of: listed, limit: limit) { "\($0.version)" })
    }
}
