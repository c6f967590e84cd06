import Metrics
package import WeirCore

/// All upstreams, each asked no harder than it and the rule allow: it keeps pauses and budgets, and repeats requests after short
/// troubles.
///
/// The order is: the upstream's pause → a turn in the rule's budget → the request → again, where that is harmless and likely to
/// help.
package final class Upstreams: UpstreamRegistry {
    private let client: any UpstreamRegistry
    private let health: UpstreamHealth
    private let budgets = Budgets()
    private let retries = Retries()

    package convenience init(_ client: RegistryClient) { self.init(asking: client, health: client.health) }

    /// Around any other registry, for tests.
    package convenience init(asking client: any UpstreamRegistry, clock: WallClock) {
        self.init(asking: client, health: UpstreamHealth(clock: clock))
    }

    private init(asking client: any UpstreamRegistry, health: UpstreamHealth) {
        self.client = client
        self.health = health
    }

    package func resolve(
        _ reference: Reference, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamDescriptor {
        try await ask(.look, in: source) { client, _ throws(UpstreamError) in try await client.resolve(reference, in: source) }
    }

    package func manifest(
        _ reference: Reference, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamManifest {
        try await ask(.manifest, in: source) { client, _ throws(UpstreamError) in
            try await client.manifest(reference, in: source)
        }
    }

    /// Asked once: the fill resumes the blob where it stands.
    package func blob(
        _ digest: Digest, range: UpstreamRange, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamBlob {
        try await ask(.blob, in: source) { [budgets, health] client, permit throws(UpstreamError) in
            let blob = try await client.blob(digest, range: range, in: source)
            let body = MeteredBody(body: blob.body, source: source, permit: permit, budgets: budgets, health: health)
            return UpstreamBlob(
                size: blob.size, offset: blob.offset, body: body, validator: blob.validator, servesRanges: blob.servesRanges)
        }
    }

    package func blobSize(_ digest: Digest, in source: UpstreamSource) async throws(UpstreamError) -> Int64? {
        try await ask(.look, in: source) { client, _ throws(UpstreamError) in try await client.blobSize(digest, in: source) }
    }

    package func referrers(
        of digest: Digest, artifactType: String?, in source: UpstreamSource
    ) async throws(UpstreamError) -> [UpstreamReferrer] {
        try await ask(.list, in: source) { client, _ throws(UpstreamError) in
            try await client.referrers(of: digest, artifactType: artifactType, in: source)
        }
    }

    package func tags(in source: UpstreamSource, limit: Int) async throws(UpstreamError) -> [Tag] {
        try await ask(.list, in: source) { client, _ throws(UpstreamError) in try await client.tags(in: source, limit: limit) }
    }

    /// Outside every budget, and once: an operator waits for the answer.
    package func check(_ source: UpstreamSource) async throws(UpstreamError) { try await client.check(source) }

    package func status(owner: String, host: String) -> UpstreamStatus? {
        client.status(owner: owner, host: host) ?? health.status(owner: owner, host: host)
    }

    private func ask<Value: Sendable>(
        _ question: Question, in source: UpstreamSource,
        _ body: (any UpstreamRegistry, PrioritySemaphore.Permit) async throws(UpstreamError) -> Value
    ) async throws(UpstreamError) -> Value {
        var attempt = 0
        while true {
            try health.admit(source, question)
            let permit = try await budgets.turn(for: source)
            let started = ContinuousClock.now
            do throws(UpstreamError) {
                let value = try await body(client, permit)
                if question != .blob { permit.release() }
                health.succeeded(source)
                retries.earn(source.host)
                return value
            } catch {
                permit.release()
                if error.wasAsked, error.blamesServer { health.failed(source, error, blob: question == .blob) }
                attempt += 1
                guard retries.mayRepeat(question, after: error, took: started.duration(to: .now), attempt: attempt),
                    await retries.pause(question, attempt: attempt)
                else { throw error }
                Counter(label: "weir_upstream_retries_total", dimensions: [("host", source.host)]).increment()
            }
        }
    }
}
