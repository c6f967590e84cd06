import ConformanceSuites
import NIOCore
import Testing
import WeirApplication
import WeirCore
import WeirRegistry

@Suite struct LifecycleTests {
    private static let untagged =
        #"{"rules":[{"rulePriority":1,"description":"no names","selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":1},"action":{"type":"expire"}}]}"#
    private static let archiving =
        #"{"rules":[{"rulePriority":3,"selection":{"tagStatus":"any","countType":"sinceImagePulled","countUnit":"days","countNumber":30},"action":{"type":"transition","targetStorageClass":"archive"}}]}"#

    private let house: TestRegistry
    private let told = Recorder()
    /// The house's registry, with an audit log.
    private let registry: Registry
    private let name: RepositoryName

    init() async throws {
        house = try await TestRegistry(events: told)
        registry = house.application.rebuilt { [told] _, ports in ports.auditLines = told }.registry
        name = try RepositoryName("mine/app")
        _ = try await registry.repositories.create(name, in: house.id, settings: RepositorySettings())
    }

    private func put(_ text: String, _ reference: String?) async throws -> Digest {
        try await registry.images.put(
            ByteBuffer(string: text), contentType: nil, as: try reference.map { try Reference($0) }, in: name,
            of: house.id
        ).digest
    }

    /// An image with bytes of its own.
    private func image(_ tag: String?, subject: Digest? = nil) async throws -> (digest: Digest, text: String) {
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let text =
            Manifests.image(config: config, size: 2, subject: subject)
            + String(repeating: " ", count: Int.random(in: 1...100_000))
        return (try await put(text, tag), text)
    }

    private func pull(_ reference: String) async throws -> Digest {
        try await registry.pulls.manifests.pull(Reference(reference), in: name, of: house.id, for: house.caller).digest
    }

    private func refusal(_ body: () async throws -> some Any) async -> Refusal.Reason? {
        do { _ = try await body() } catch { return (error as? Refusal)?.reason }
        return nil
    }

    private func status(_ digest: Digest) async throws -> ImageDetail? {
        try await registry.images.describe(
            [ImageIDRequest(digest: "\(digest)", tag: nil)], in: name, of: house.id
        ).first
    }

    private func policy(_ text: String) async throws {
        _ = try await registry.repositories.setLifecyclePolicy(text, of: name, in: house.id)
    }

    private func move(_ digest: Digest, to target: TargetStorageClass) async throws -> ImageStatus {
        try await registry.lifecycle.setStorageClass(
            target, of: ImageIDRequest(digest: "\(digest)", tag: nil), in: name, of: house.id
        ).status
    }

    // MARK: Runs

    @Test func aRunRemovesWhatItsRulesTakeAndTellsOfIt() async throws {
        let named = try await image("v1")
        let bare = try await image(nil)
        house.pass(.seconds(2 * 86_400))
        try await policy(Self.untagged)
        told.forget()
        #expect(try await registry.lifecycle.policy(of: name, in: house.id).evaluatedAt == nil)
        let run = try await registry.lifecycle.run(name, in: house.id, .real)
        #expect(run.steps.map(\.image.digest) == [bare.digest] && run.changedMeanwhile.isEmpty)
        #expect(await refusal { try await pull("\(bare.digest)") } == .imageNotFound)
        #expect(try await pull("v1") == named.digest)
        #expect(try await registry.lifecycle.policy(of: name, in: house.id).evaluatedAt == house.now)
        let deleted = told.events(.imageAction)
        #expect(deleted.count == 1)
        #expect(told.events(.maintenance).count == 1)
        #expect(told.written.count == 1)
        let record = try #require(told.written.first)
        for part in [
            #""eventName":"PolicyExecutionEvent""#, #""eventType":"AwsServiceEvent""#, #""description":"no names""#,
            #""tagStatus":"Untagged""#, "\(bare.digest)", #""lifecycleEventFailureDetails":[]"#,
        ] { #expect(record.contains(part), "\(part) is not in \(record)") }
    }

    @Test func aDryRunTellsAndChangesNothing() async throws {
        let bare = try await image(nil)
        house.pass(.seconds(2 * 86_400))
        try await policy(Self.untagged)
        told.forget()
        let run = try await registry.lifecycle.run(name, in: house.id, .dryRun)
        #expect(run.steps.map(\.image.digest) == [bare.digest])
        #expect(try await pull("\(bare.digest)") == bare.digest)
        #expect(told.events(.imageAction).isEmpty && told.events(.maintenance).isEmpty)
        #expect(told.written.count == 1 && told.written[0].contains("DryRunEvent"))
        #expect(try await registry.lifecycle.policy(of: name, in: house.id).evaluatedAt == nil)
    }

    @Test func whatAListNamesIsKeptAndRecorded() async throws {
        let child = try await image(nil)
        let list = try await put(Manifests.index([(child.digest, child.text.utf8.count)]), "latest")
        house.pass(.seconds(2 * 86_400))
        try await policy(Self.untagged)
        let run = try await registry.lifecycle.run(name, in: house.id, .real)
        #expect(run.steps.isEmpty && run.kept.map(\.reason) == [.namedByLists([list])])
        #expect(try await pull("\(child.digest)") == child.digest)
        #expect(told.written.last?.contains(#""failureCode":"ImageReferencedByManifestList""#) == true)
    }

    @Test func manyImagesMakeSeveralRecordsAndManyTransactions() async throws {
        var random = LifecycleRandom(seed: 7)
        let many = try RepositoryName("mine/many")
        let images = try random.images(count: 250).map {
            LifecycleImage(digest: $0.digest, pushedAt: LifecycleRandom.now)
        }
        let shelf = LifecycleShelf(house: house)
        try await shelf.make([.init(name: many, images: images, policy: Self.untagged)])
        house.pass(.seconds(2 * 86_400))
        let run = try await registry.lifecycle.run(many, in: house.id, .real)
        #expect(run.steps.count == 250)
        #expect(try await shelf.statuses(in: many).isEmpty)
        #expect(told.written.count == 28)
    }

    @Test func repositoriesAreRunWhenTheyAreDueAndNotBefore() async throws {
        try await policy(Self.untagged)
        let first = try await image(nil)
        house.pass(.seconds(2 * 86_400))
        await registry.lifecycle.runDue()
        #expect(await refusal { try await pull("\(first.digest)") } == .imageNotFound)
        let evaluated = house.now
        let second = try await image(nil)
        house.pass(.seconds(12 * 3600))
        await registry.lifecycle.runDue()
        #expect(try await registry.lifecycle.policy(of: name, in: house.id).evaluatedAt == evaluated)
        house.pass(.seconds(24 * 3600))
        await registry.lifecycle.runDue()
        #expect(await refusal { try await pull("\(second.digest)") } == .imageNotFound)
        // A new policy is carried out soon, even right after the old one.
        try await policy(Self.archiving)
        #expect(try await registry.lifecycle.policy(of: name, in: house.id).evaluatedAt == nil)
    }

    @Test func allRepositoriesOfARegistryRunByCommand() async throws {
        let other = try RepositoryName("mine/other")
        _ = try await registry.repositories.create(
            other, in: house.id, settings: RepositorySettings(lifecyclePolicy: Self.archiving))
        try await policy(Self.untagged)
        let abroad = RegistryID(account: house.id.account, region: try Region("eu-west-1"))
        _ = try await registry.repositories.create(
            name, in: abroad, settings: RepositorySettings(lifecyclePolicy: Self.untagged))
        let (runs, failed) = try await registry.lifecycle.runAll(in: house.id, .real)
        #expect(runs.map(\.repository.name) == [name, other] && failed.isEmpty)
        #expect(runs.allSatisfy { $0.repository.registry == house.id })
    }

    @Test func withoutAPolicyThereIsNothingToRun() async throws {
        #expect(await refusal { try await registry.lifecycle.run(name, in: house.id, .real) } == .lifecyclePolicyNotFound)
        let none = try RepositoryName("mine/none")
        #expect(await refusal { try await registry.lifecycle.run(none, in: house.id, .real) } == .repositoryNotFound)
    }

    @Test func aPullOfTheLastSecondsKeepsAnImageFromTheArchive() async throws {
        let image = try await image("v1")
        house.pass(.seconds(31 * 86_400))
        try await policy(Self.archiving)
        #expect(try await registry.lifecycle.run(name, in: house.id, .dryRun).steps.count == 1)
        #expect(try await pull("v1") == image.digest)
        #expect(try await registry.lifecycle.run(name, in: house.id, .real).steps.isEmpty)
    }

    // MARK: Previews

    @Test func aPreviewIsMadeKeptForADayAndReplaced() async throws {
        let lifecycle = registry.lifecycle
        #expect(await refusal { try await lifecycle.preview(for: name, in: house.id) } == .lifecyclePreviewNotFound)
        #expect(await refusal { try await lifecycle.startPreview(of: nil, for: name, in: house.id) } == .lifecyclePolicyNotFound)
        let bare = try await image(nil)
        house.pass(.seconds(2 * 86_400))
        #expect(try await lifecycle.startPreview(of: Self.untagged, for: name, in: house.id) == Self.untagged)
        #expect(try await lifecycle.preview(for: name, in: house.id).status == .inProgress)
        let again = await refusal { try await lifecycle.startPreview(of: Self.untagged, for: name, in: house.id) }
        #expect(again == .lifecyclePreviewInProgress)
        await lifecycle.doErrands()
        let preview = try await lifecycle.preview(for: name, in: house.id)
        #expect(preview.status == .complete && preview.results.items.map(\.digest) == [bare.digest])
        #expect(preview.summary.expiring == 1 && preview.summary.archiving == 0)
        #expect(try await lifecycle.preview(for: name, in: house.id, .tagged).results.items.isEmpty)
        #expect(try await lifecycle.preview(for: name, in: house.id, .untagged).results.items.count == 1)
        let byID = [ImageIDRequest(digest: "\(bare.digest)", tag: nil), ImageIDRequest(digest: nil, tag: "none")]
        #expect(try await lifecycle.preview(for: name, in: house.id, ids: byID).results.items.count == 1)
        #expect(try await pull("\(bare.digest)") == bare.digest)
        house.pass(.seconds(25 * 3600))
        await lifecycle.runDue()
        let old = try await lifecycle.preview(for: name, in: house.id)
        #expect(old.status == .expired && old.results.items.isEmpty)
        _ = try await lifecycle.startPreview(of: Self.archiving, for: name, in: house.id)
        await lifecycle.doErrands()
        #expect(try await lifecycle.preview(for: name, in: house.id).policyText == Self.archiving)
    }

    @Test func aPreviewThatARestartInterruptedIsMadeAfterIt() async throws {
        _ = try await registry.lifecycle.startPreview(of: Self.untagged, for: name, in: house.id)
        let restarted = try await house.restarted()
        await restarted.lifecycle.doErrands()
        #expect(try await restarted.lifecycle.preview(for: name, in: house.id).status == .complete)
    }

    // MARK: The archive

    @Test func anArchivedImageIsDescribedAndNotPulled() async throws {
        let image = try await image("v1")
        #expect(try await pull("v1") == image.digest)
        told.forget()
        #expect(try await move(image.digest, to: .archive) == .archived)
        for reference in ["v1", "\(image.digest)"] {
            #expect(await refusal { try await pull(reference) } == .imageArchived)
        }
        let batch = try await registry.pulls.manifests.batchGet(
            [ImageIDRequest(digest: nil, tag: "v1")], in: name, of: house.id, for: house.caller)
        #expect(batch.failures.map(\.code) == [.imageInaccessible])
        let detail = try #require(try await status(image.digest))
        #expect(detail.status == .archived && detail.archivedAt == house.now && detail.activatedAt == nil)
        let images = registry.images
        #expect(try await images.list(in: name, of: house.id, .any, after: nil, limit: 9).items.isEmpty)
        #expect(try await images.list(in: name, of: house.id, .any, .archived, after: nil, limit: 9).items.count == 1)
        #expect(try await images.describe(in: name, of: house.id, .any, nil, after: nil, limit: 9).items.count == 1)
        #expect(try await images.tags(in: name, of: house.id, after: nil, limit: 9).items.isEmpty)
        #expect(told.events(.imageAction).count == 1)
        #expect(await refusal { try await move(image.digest, to: .archive) } == .storageClassUpdateNotSupported)
    }

    @Test func anImageComesBackInTwoSteps() async throws {
        let image = try await image("v1")
        #expect(await refusal { try await move(image.digest, to: .standard) } == .storageClassUpdateNotSupported)
        _ = try await move(image.digest, to: .archive)
        house.pass(.seconds(60))
        #expect(try await move(image.digest, to: .standard) == .activating)
        #expect(await refusal { try await pull("v1") } == .imageArchived)
        #expect(try await status(image.digest)?.status == .activating)
        let onItsWay = try await registry.images.list(in: name, of: house.id, .any, .activating, after: nil, limit: 9)
        #expect(onItsWay.items.map(\.digest) == [image.digest])
        told.forget()
        await registry.lifecycle.doErrands()
        #expect(try await pull("v1") == image.digest)
        let detail = try #require(try await status(image.digest))
        #expect(detail.status == .active && detail.activatedAt == house.now && detail.archivedAt != nil)
        #expect(told.events(.imageAction).count == 1)
        #expect(told.written.last?.contains("ImageActivationEvent") == true)
    }

    @Test func pushingAnArchivedImageBringsItBackAtOnce() async throws {
        let image = try await image("v1")
        _ = try await move(image.digest, to: .archive)
        #expect(try await put(image.text, "v1") == image.digest)
        #expect(try await pull("v1") == image.digest)
        #expect(try await status(image.digest)?.activatedAt == house.now)
    }

    @Test func whatAnActiveListNamesCannotBeArchived() async throws {
        let child = try await image(nil)
        let list = try await put(Manifests.index([(child.digest, child.text.utf8.count)]), "latest")
        #expect(await refusal { try await move(child.digest, to: .archive) } == .storageClassUpdateNotSupported)
        _ = try await move(list, to: .archive)
        _ = try await move(child.digest, to: .archive)
        // A list that comes back brings the images that it names.
        _ = try await move(list, to: .standard)
        await registry.lifecycle.doErrands()
        #expect(try await pull("\(child.digest)") == child.digest)
    }

    @Test func aListOfArchivedImagesIsRefusedUntilTheyArePushedAgain() async throws {
        let child = try await image(nil)
        _ = try await move(child.digest, to: .archive)
        let list = Manifests.index([(child.digest, child.text.utf8.count)])
        #expect(await refusal { try await put(list, "latest") } == .referencedImagesNotFound)
        _ = try await put(child.text, nil)
        _ = try await put(list, "latest")
    }

    @Test func referrersGoToTheArchiveWithTheirSubjectAndComeBackWithIt() async throws {
        let subject = try await image("v1")
        let signature = try await image(nil, subject: subject.digest)
        let stamp = try await image(nil, subject: signature.digest)
        _ = try await move(subject.digest, to: .archive)
        for one in [signature, stamp] { #expect(try await status(one.digest)?.status == .archived) }
        #expect(told.events(.referrerAction).isEmpty == false)
        _ = try await move(subject.digest, to: .standard)
        await registry.lifecycle.doErrands()
        for one in [subject, signature, stamp] { #expect(try await status(one.digest)?.status == .active) }
    }

    @Test func anArchivedImageCanBeDeleted() async throws {
        let image = try await image("v1")
        _ = try await move(image.digest, to: .archive)
        let (removed, failures) = try await registry.images.batchDelete(
            [ImageIDRequest(digest: nil, tag: "v1")], in: name, of: house.id)
        #expect(removed.count == 1 && failures.isEmpty)
    }

    @Test func anArchivedImageOfACacheIsNotFetchedAgain() async throws {
        try await house.rule()
        _ = house.upstream.addImage(to: "nginx/nginx", tags: ["latest"], layer: noise(100))
        let cached = try RepositoryName("ecr-public/nginx/nginx")
        let digest = try await house.pull("latest", "\(cached)").digest
        _ = try await house.registry.lifecycle.setStorageClass(
            .archive, of: ImageIDRequest(digest: "\(digest)", tag: nil), in: cached, of: house.id)
        let reason = await refusal { try await house.pull("latest", "\(cached)") }
        #expect(reason == .imageArchived)
    }
}
