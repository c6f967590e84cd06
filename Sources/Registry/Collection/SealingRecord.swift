package import WeirCore

extension Blobs.Sealing {
    /// Records, once, which content is sealed in this data folder, and tells which mode it has: the mode decides where the blobs
    /// of AES256 repositories lie, so with the other one none of them would be found, and the collector would take them for
    /// garbage.
    ///
    /// - Returns: the folder's mode. Where it is not `wanted`, the program must not start with `wanted`.
    package static func recorded(wanted: Self, in database: any SQLDatabase) async throws -> Self {
        try await database.write { sql in
            if let recorded = try FactTable.value("sealing", sql).flatMap(Self.init(rawValue:)) { return recorded }
            // A folder from before there was a record tells by what lies in it; one without such blobs takes what is wanted.
            var mode = wanted
            if try FactTable.holdsBlobs(scopePrefix: "plain", sql) {
                mode = .kmsOnly
            } else if try FactTable.holdsBlobs(scopePrefix: "aes256", sql) {
                mode = .all
            }
            try FactTable.record("sealing", mode.rawValue, sql)
            return mode
        }
    }
}
