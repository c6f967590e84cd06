import NIOCore
import WeirCore

extension Verifier {
    /// Opens every manifest, and looks for the blobs that it names.
    func verifyImages(into report: inout VerifyReport, _ progress: (JobProgress) -> Void) async throws {
        var last: VerifyQueries.ImageRow?
        repeat {
            let after = last
            let page = try await database.read {
                try VerifyQueries.images(after: after, count: Collector.page, $0)
            }
            last = page.last
            for image in page {
                try Task.checkCancellation()
                report.manifests += 1
                switch try await look(at: image, repair: report.isRepair) {
                case .well: break
                case .sealedAway: report.sealedAwayManifests += 1
                case .fault(let fault): report.add(fault)
                }
                for fault in try await layerFaults(of: image) { report.add(fault) }
            }
            progress(JobProgress(.manifests, done: report.manifests))
        } while last != nil
    }

    private enum ManifestFinding {
        case well, sealedAway
        case fault(VerifyReport.Fault)
    }

    private func look(at image: VerifyQueries.ImageRow, repair: Bool) async throws -> ManifestFinding {
        // An image that is gone since the page was read has no fault.
        guard let repository = try await repositories.find(image.name, in: image.registry), repository.id == image.repository,
            let row = try await database.read({ try ImageTable.find(.digest(image.digest), in: repository.id, $0) })
        else { return .well }
        do {
            let bytes = try images.seal.open(row, in: repository)
            let digest = Digest(of: bytes.readableBytesView, image.digest.algorithm)
            if digest == image.digest { return .well }
            return .fault(
                image.fault(.damagedManifest, "the bytes have the digest \(digest)", needsPush: image.origin == .push))
        } catch let refusal as Refusal where refusal.reason == .contentDamaged {
            var fault = image.fault(.damagedManifest, refusal.message, needsPush: row.origin == .push)
            // Its row stays, since its tags would go with it: the next pull brings the bytes from upstream.
            let isCovered = try await rules.rule(covering: image.name, in: image.registry) != nil
            fault.isRepaired = repair && row.origin == .cache && isCovered
            return .fault(fault)
        } catch let refusal as Refusal where refusal.isSealedAway {
            return .sealedAway
        } catch {
            return .fault(image.fault(.keyGone, (error as? Refusal)?.message ?? "\(error)", needsPush: false))
        }
    }

    private func layerFaults(of image: VerifyQueries.ImageRow) async throws -> [VerifyReport.Fault] {
        guard let repository = try await repositories.find(image.name, in: image.registry), repository.id == image.repository
        else { return [] }
        let isCovered = try await rules.rule(covering: image.name, in: image.registry) != nil
        let blobs = blobs
        return try await database.read { sql in
            try VerifyQueries.blobs(of: image.digest, in: image.repository, sql).compactMap { digest in
                let scope = blobs.location(of: digest, in: repository).scope
                let status = try BlobTable.status(of: digest, in: image.repository, scope: scope, sql)
                if status.membership != nil, status.stored != nil { return nil }
                // Blobs that were evicted, or never asked for, come from upstream.
                if isCovered, status.membership != .push { return nil }
                let why = status.membership == nil ? "the repository has no right to" : "the store does not hold"
                return image.fault(.missingLayer, "\(why) the blob \(digest)", needsPush: true)
            }
        }
    }
}

extension VerifyQueries.ImageRow {
    fileprivate func fault(
        _ kind: VerifyReport.Fault.Kind, _ detail: String, needsPush: Bool
    ) -> VerifyReport.Fault {
        let name = "\(registry)/\(name)"
        return VerifyReport.Fault(
            kind: kind, subject: "\(name)@\(digest)", detail: detail, repositories: [name], needsPush: needsPush)
    }
}
