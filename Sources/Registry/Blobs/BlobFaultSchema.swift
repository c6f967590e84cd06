import WeirCore

extension RegistrySchema {
    /// What was wrong with a blob's bytes when they were read last: `fault` is a `BlobFault.State`, null where nothing is known
    /// to be.
    static let faults: [Migration] = [
        Migration(
            "registry-faults-1",
            [
                "ALTER TABLE blob ADD COLUMN fault TEXT",
                "ALTER TABLE blob ADD COLUMN fault_at BIGINT",
                "ALTER TABLE blob ADD COLUMN fault_detail TEXT",
                "CREATE INDEX blob_by_fault ON blob (fault) WHERE fault IS NOT NULL",
            ])
    ]
}
