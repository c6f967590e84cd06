package import WeirCore

/// Fetching images whole before anybody pulls them.
extension Pulls {
    private static let imagesAtOnce = 4

    /// Starts fetching images whole, as work that clients come before, and tells how it begins. Ask `warmJob` how far it is.
    ///
    /// The caller's right to pull each of the images is checked as for a pull of its own; an image that fails is told in the job
    /// and does not stop the others. Throws `.throttled` where many such jobs go on already.
    package func warm(
        _ images: [WarmImage], in registry: RegistryID, for caller: Caller
    ) throws(Refusal) -> WarmJob {
        let job = try warmups.begin(images, in: registry, at: clock.now)
        let id = job.id
        warmups.running.begin(id) { [self] in
            await withTaskGroup(of: Void.self) { group in
                for (number, image) in images.enumerated() {
                    if number >= Self.imagesAtOnce { await group.next() }
                    group.addTask { await self.warm(image, number, of: id, in: registry, for: caller) }
                }
            }
            warmups.end(id, at: clock.now)
        }
        return job
    }

    /// A job of this registry that was started a while ago; nil where there is none, or so many have ended since that it is
    /// forgotten.
    package func warmJob(_ id: String, in registry: RegistryID) -> WarmJob? { warmups.job(id, in: registry) }

    /// The newest first.
    package func warmJobs(in registry: RegistryID) -> [WarmJob] { warmups.jobs(in: registry) }

    private func warm(
        _ image: WarmImage, _ number: Int, of job: String, in registry: RegistryID, for caller: Caller
    ) async {
        let report = WarmReport(warmups: warmups, job: job, number: number)
        report.change { $0.state = .running }
        do {
            try await access.permit(caller, "ecr:BatchGetImage", on: image.name, in: registry)
            var place = Place(name: image.name, registry: registry, caller: caller, priority: .prefetch)
            // What the rule would fetch behind a client's back is fetched here, and waited for.
            place.depth = .max
            place.isCounted = true
            let filter = image.platforms.isEmpty ? RuleOptions.Fetch.all : .platforms(image.platforms)
            var walk = ImageWalk()
            try await warm(image.reference, filter, depth: 0, &walk, at: place, report)
            report.change { $0.state = .done }
        } catch {
            let refusal = Refusal(upstream: error, asking: "\(image.name)\(image.reference.joint)\(image.reference)")
            report.change { progress in
                progress.state = .failed
                progress.failure = refusal.message
            }
        }
    }

    /// The manifest, what it lists, and every blob: each once.
    private func warm(
        _ reference: Reference, _ filter: RuleOptions.Fetch, depth: Int, _ walk: inout ImageWalk, at place: Place,
        _ report: WarmReport
    ) async throws {
        if case .digest(let digest) = reference, try !walk.enters(digest, depth: depth) { return }
        try Task.checkCancellation()
        let served = try await image(reference, at: place)
        if case .tag = reference, try !walk.enters(served.digest, depth: depth) { return }
        report.change { progress in
            progress.digest = progress.digest ?? served.digest
            progress.manifests.add(1)
        }
        let manifest = try Manifest(
            served.bytes, contentType: served.mediaType, algorithm: served.digest.algorithm)
        for child in manifest.children where filter.takes(child.platform) {
            try await warm(.digest(child.digest), filter, depth: depth + 1, &walk, at: place, report)
        }
        try await warmBlobs(of: manifest, at: place, report)
    }

    private func warmBlobs(of manifest: Manifest, at place: Place, _ report: WarmReport) async throws {
        guard !manifest.blobs.isEmpty, let rule = try await rules.rule(covering: place.name, in: place.registry) else {
            return
        }
        let repository = try await repositories.existing(place.name, in: place.registry)
        let source = try await source(of: place.name, by: rule, in: place.registry, place.priority)
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
        let standing = try await blobs.standing(of: order.digest, in: order.repository)
        if standing.membership == nil || standing.fault != nil || standing.stored == nil {
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
    let warmups: Warmups
    let job: String
    let number: Int

    func change(_ body: (inout WarmJob.Progress) -> Void) { warmups.change(job, number, body) }
    func began(_ fill: Fill) { warmups.began(fill, of: job, number) }
    func ended(_ fill: Fill) { warmups.ended(fill, of: job, number) }
}
