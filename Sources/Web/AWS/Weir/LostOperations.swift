import WeirCore
import WeirRegistry

/// The blobs in quarantine: list them, bring them back, delete them.
struct LostOperations: Sendable {
    let registry: Registry
    /// The quarantine holds blobs of every account's registry, so only the server's own account may ask.
    let home: RegistryID

    var table: [AWSOperation] {
        [
            AWSOperation(.weir, "ListLost", may: .registry(home), list),
            AWSOperation(.weir, "RestoreLost", may: .registry(home), restore),
            AWSOperation(.weir, "DeleteLost", may: .registry(home), delete),
        ]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let request = try PageRequest(call.input, of: "ListLost")
        let quarantine = registry.quarantine
        let (page, total) = try await quarantine.list(after: request.after, limit: request.limit)
        return request.answer(page, as: "lost", ["total": .count(total)]) { lost in
            [
                "digest": .string("\(lost.digest)"), "scope": .string(lost.blob.location.scope), "size": .integer(lost.size),
                "why": .string(lost.reason.rawValue), "since": .timestamp(lost.since),
                "until": .timestamp(quarantine.end(of: lost)), "repositories": .array(lost.holders.map { .string($0) }),
            ]
        }
    }

    private func restore(_ call: AWSCall) async throws -> JSONValue {
        let selection = try selection(call.input)
        return ["run": .run(try registry.maintenance.start(.restore(selection)))]
    }

    private func delete(_ call: AWSCall) async throws -> JSONValue {
        let selection = try selection(call.input)
        return ["run": .run(try registry.maintenance.start(.discard(selection)))]
    }

    /// Either `digests` or `all`.
    private func selection(_ input: Parameters) throws -> LostSelection {
        let texts = try input.optionalStrings("digests", count: 1...1_000, length: 1...200)
        guard try input.optionalBool("all") ?? false else {
            return .digests(
                try input.required("digests", texts).map { text in
                    do { return try Digest(text) } catch {
                        throw Refusal.invalidParameter("digests", "'\(text)' is no digest: \(error)")
                    }
                })
        }
        guard texts == nil else { throw Refusal.invalidParameter("digests", "digests and all exclude each other") }
        return .all
    }
}
