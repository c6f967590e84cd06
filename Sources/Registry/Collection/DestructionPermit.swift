package import WeirCore

/// Whether stored content may be destroyed at this moment. Asked before each collection and lifecycle run that is no dry run, and
/// before a verification repairs.
///
/// The builder of the registry knows the reasons against it: a store that is not the right one, a clock that has jumped. Reading
/// and storing go on meanwhile.
package struct DestructionPermit: Sendable {
    /// Always given: the default.
    package static let always = DestructionPermit { nil }

    /// Why nothing may be destroyed now, and what to do about it; nil where it may.
    package let refusal: @Sendable () async -> Refusal?

    package init(refusal: @escaping @Sendable () async -> Refusal?) { self.refusal = refusal }

    /// Throws the refusal, if there is one.
    package func check() async throws(Refusal) {
        if let refusal = await refusal() { throw refusal }
    }
}
