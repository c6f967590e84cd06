package import WeirCore

/// Fetches images whole before clients pull them.
package final class Warmups: Sendable {
    private static let imagesAtOnce = 4

    let manifests: ManifestPulls
    let access: Access
    let sources: UpstreamSources
    let fills: Fills
    private let running = SingleFlight<String, Void>()
    private let table = WarmJobs()

    init(manifests: ManifestPulls, access: Access, sources: UpstreamSources, fills: Fills) {
        self.manifests = manifests
        self.access = access
        self.sources = sources
        self.fills = fills
    }

    func close() async { await running.close() }

    private var now: Timestamp { manifests.tally.clock.now }

    /// Starts fetching images whole, as work that clients come before, and tells how it begins. Ask `job` how far it is.
    ///
    /// The caller's right to pull each of the images is checked as for a pull of its own; an image that fails is told in the job
    /// and does not stop the others. Throws `.throttled` where many such jobs go on already.
    package func begin(
        _ images: [WarmImage], in registry: RegistryID, for caller: Caller
    ) throws(Refusal) -> WarmJob {
        let job = try table.begin(images, in: registry, at: now)
        let id = job.id
        running.begin(id) { [self] in
            await withTaskGroup(of: Void.self) { group in
                for (number, image) in images.enumerated() {
                    if number >= Self.imagesAtOnce { await group.next() }
                    group.addTask { await self.warm(image, number, of: id, in: registry, for: caller) }
                }
            }
            table.end(id, at: now)
        }
        return job
    }

    /// A job of this registry that was started a while ago; nil where there is none, or so many have ended since that it is
    /// forgotten.
    package func job(_ id: String, in registry: RegistryID) -> WarmJob? { table.job(id, in: registry) }

    /// The newest first.
    package func jobs(in registry: RegistryID) -> [WarmJob] { table.jobs(in: registry) }

    private func warm(
        _ image: WarmImage, _ number: Int, of job: String, in registry: RegistryID, for caller: Caller
    ) async {
        let report = WarmReport(jobs: table, job: job, number: number)
        report.change { $0.state = .running }
        do {
            try await access.permit(caller, "ecr:BatchGetImage", on: image.name, in: registry)
            var context = PullContext(name: image.name, registry: registry, caller: caller, priority: .prefetch)
            // What the rule would fetch behind a client's back is fetched here, and waited for.
            context.fetchesListed = false
            context.counts = false
            let filter = image.platforms.isEmpty ? RuleOptions.Fetch.all : .platforms(image.platforms)
            var walk = ImageWalk()
            try await warm(image.reference, filter, depth: 0, &walk, at: context, report)
            report.change { $0.state = .done }
        } catch {
            let refusal = Refusal(upstream: error, asking: "\(image.name)\(image.reference.separator)\(image.reference)")
            report.change { progress in
                progress.state = .failed
                progress.failure = refusal.message
            }
        }
    }

    /// The manifest, what it lists, and every blob: each once.
    private func warm(
        _ reference: Reference, _ filter: RuleOptions.Fetch, depth: Int, _ walk: inout ImageWalk, at context: PullContext,
        _ report: WarmReport
    ) async throws {
        if case .digest(let digest) = reference, try !walk.enters(digest, depth: depth) { return }
        try Task.checkCancellation()
        let served = try await manifests.pull(reference, at: context)
        if case .tag = reference, try !walk.enters(served.digest, depth: depth) { return }
        report.change { progress in
            progress.digest = progress.digest ?? served.digest
            progress.manifests.add(1)
        }
        let manifest = try Manifest(
            served.bytes, contentType: served.mediaType, algorithm: served.digest.algorithm)
        for child in manifest.children where filter.takes(child.platform) {
            try await warm(.digest(child.digest), filter, depth: depth + 1, &walk, at: context, report)
        }
        try await warmBlobs(of: manifest, at: context, report)
    }

    private func warmBlobs(of manifest: Manifest, at context: PullContext, _ report: WarmReport) async throws {
        guard !manifest.blobs.isEmpty, let rule = try await manifests.rules.rule(covering: context.name, in: context.registry)
        else {
            return
        }
        let repository = try await manifests.repositories.existing(context.name, in: context.registry)
        let source = try await sources.source(by: rule, at: context)
        let wanted = Dictionary(manifest.blobs.map { ($0.digest, $0.size) }) { first, _ in first }
        report.change { progress in
            progress.blobs.add(wanted.count)
            progress.bytes.add(wanted.values.total)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (digest, size) in wanted {
                let order = Fills.Order(digest: digest, size: size, repository: repository, source: source)
                group.addTask { try await self.warmBlob(order, size, report) }
            }
            try await group.waitForAll()
        }
    }

    private func warmBlob(_ order: Fills.Order, _ size: Int64, _ report: WarmReport) async throws {
        let status = try await manifests.images.blobs.status(of: order.digest, in: order.repository)
        if status.membership == nil || status.fault != nil || status.stored == nil {
            let fill = fills.join(order)
            report.began(fill)
            defer { report.ended(fill) }
            _ = try await fill.whole()
        }
        report.change { progress in
            progress.blobsDone.add(1)
            progress.bytesDone.add(size)
        }
    }
}

/// Where the warming of one image tells how far it is.
private struct WarmReport: Sendable {
    let jobs: WarmJobs
    let job: String
    let number: Int

    func change(_ body: (inout WarmJob.Progress) -> Void) { jobs.change(job, number, body) }
    func began(_ fill: Fill) { jobs.began(fill, of: job, number) }
    func ended(_ fill: Fill) { jobs.ended(fill, of: job, number) }
}
