import ConformanceSuites
import Testing
import WeirCore
import WeirRegistry
import WeirStorage

@Suite struct SealingRecordTests {
    private func database(holding scope: String? = nil) async throws -> any SQLDatabase {
        let database = StrictDatabase(try SQLiteDatabase.inMemory())
        try await database.migrate(RegistrySchema.migrations)
        if let scope {
            _ = try await database.write { sql in
                try sql.execute(
                    "INSERT INTO blob (scope, digest, size, stored_at) VALUES ($1, $2, 1, 1)",
                    [.text(scope), .text(Digest(of: [1]))])
            }
        }
        return database
    }

    @Test(arguments: Blobs.Sealing.allCases)
    func aNewFolderTakesWhatIsWantedForGood(mode: Blobs.Sealing) async throws {
        let database = try await database()
        #expect(try await Blobs.Sealing.recorded(wanted: mode, in: database) == mode)
        for wanted in Blobs.Sealing.allCases {
            #expect(try await Blobs.Sealing.recorded(wanted: wanted, in: database) == mode)
        }
    }

    @Test("An older folder tells by what lies in it")
    func older() async throws {
        let plain = try await database(holding: "plain-0123456789abcdef")
        #expect(try await Blobs.Sealing.recorded(wanted: .all, in: plain) == .kmsOnly)
        let sealed = try await database(holding: "aes256-0123456789abcdef")
        #expect(try await Blobs.Sealing.recorded(wanted: .kmsOnly, in: sealed) == .all)
        let kms = try await database(holding: "kms-0123456789abcdef")
        #expect(try await Blobs.Sealing.recorded(wanted: .kmsOnly, in: kms) == .kmsOnly)
    }
}
