extension PolicyError {
    /// AWS's sentence for a trust policy that is none.
    package var trustMessage: String { reason }
}
