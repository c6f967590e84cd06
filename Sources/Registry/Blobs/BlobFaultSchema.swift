import WeirCore

extension RegistrySchema {
    /// What was wrong with a blob's bytes at their last reading. `fault` is a `BlobFault.State`, null while no fault is known.
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
