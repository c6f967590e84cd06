package import WeirCore

extension Blobs.Sealing {
    /// Records once which content is sealed in this data folder, and returns the folder's mode. The mode decides where the blobs
    /// of AES256 repositories are stored: with the other mode none of them would be found, and the collector would take them for
    /// garbage.
    ///
    /// - Returns: the folder's mode. Where it is not `wanted`, the program must not start with `wanted`.
    package static func recorded(wanted: Self, in database: any SQLDatabase) async throws -> Self {
        try await database.write { sql in
            if let recorded = try FactTable.value("sealing", sql).flatMap(Self.init(rawValue:)) { return recorded }
            // A folder from before the record shows its mode by the blobs in it; one without such blobs gets the wanted mode.
            var mode = wanted
            if try BlobTable.holdsAny(inScopesOf: "plain", sql) {
                mode = .kmsOnly
            } else if try BlobTable.holdsAny(inScopesOf: "aes256", sql) {
                mode = .all
            }
            try FactTable.record("sealing", mode.rawValue, sql)
            return mode
        }
    }
}
