import Testing
import WeirCore

/// The worked examples of ECR's guide (docs/ecr.md), and the cases that follow from its rules.
@Suite struct LifecycleExampleTests {
    private static let now = Timestamp(seconds: 1_800_000_000)

    /// Images by letters, in the order in which they were pushed.
    private struct Shelf {
        var images: [LifecycleImage] = []
        var letters: [Digest: String] = [:]

        init(_ list: [(letter: String, tags: [String], age: Int)]) throws {
            for (target, (letter, tags, age)) in list.enumerated() {
                // Of two images of one age, the later one in the list counts as newer.
                let image = LifecycleImage(
                    digest: try digest(target), tags: try tags.map { try Tag($0) }, pushedAt: ago(days: age))
                images.append(image)
                letters[image.digest] = letter
            }
        }

        func removed(by policy: String) throws -> [String: Int] {
            let plan = try LifecyclePolicy(policy).plan(for: images.shuffled(), at: now)
            return Dictionary(uniqueKeysWithValues: plan.steps.map { (letters[$0.image.digest] ?? "?", $0.priority) })
        }
    }

    private static func ago(days: Int) -> Timestamp { now + .seconds(-86_400 * days) }

    private static func digest(_ number: Int) throws -> Digest {
        let text = String(number, radix: 16)
        return try Digest("sha256:" + String(repeating: "0", count: 64 - text.count) + text)
    }

    private static func rule(_ priority: Int, _ status: String, _ count: String) -> String {
        rule(priority, status, [], count)
    }

    private static func rule(_ priority: Int, _ status: String, _ patterns: [String], _ count: String) -> String {
        let list = patterns.isEmpty ? "" : #","tagPatternList":[\#(patterns.map { #""\#($0)""# }.joined(separator: ","))]"#
        return
            #"{"rulePriority":\#(priority),"selection":{"tagStatus":"\#(status)"\#(list),\#(count)},"action":{"type":"expire"}}"#
    }

    private static func policy(_ rules: String...) -> String { #"{"rules":[\#(rules.joined(separator: ","))]}"# }

    private static func count(_ number: Int) -> String { #""countType":"imageCountMoreThan","countNumber":\#(number)"# }
    private static func pushed(_ days: Int) -> String {
        #""countType":"sinceImagePushed","countUnit":"days","countNumber":\#(days)"#
    }

    private static let ab: [(String, [String], Int)] = [
        ("A", ["beta-1", "prod-1"], 10), ("B", ["beta-2", "prod-2"], 9), ("C", ["beta-3"], 8),
    ]

    @Test func exampleA() throws {
        let removed = try Shelf(Self.ab).removed(
            by: Self.policy(Self.rule(1, "tagged", ["prod*"], Self.count(1)), Self.rule(2, "tagged", ["beta*"], Self.count(1))))
        #expect(removed == ["A": 1])
    }

    @Test func exampleB() throws {
        let removed = try Shelf(Self.ab).removed(
            by: Self.policy(Self.rule(1, "tagged", ["beta*"], Self.count(1)), Self.rule(2, "tagged", ["prod*"], Self.count(1))))
        #expect(removed == ["A": 1, "B": 1])
    }

    @Test func exampleC() throws {
        let shelf = try Shelf([
            ("A", ["alpha-1"], 12), ("B", ["beta-1"], 11), ("C", ["alpha-2", "beta-2"], 10), ("D", ["alpha-3"], 4),
            ("E", ["beta-3"], 3), ("F", ["alpha-4", "beta-4"], 2),
        ])
        #expect(try shelf.removed(by: Self.policy(Self.rule(1, "tagged", ["alpha*", "beta*"], Self.pushed(5)))) == ["C": 1])
    }

    @Test func exampleD() throws {
        let shelf = try Shelf([
            ("A", ["alpha-1", "beta-1", "gamma-1"], 10), ("B", ["alpha-2", "beta-2"], 9),
            ("C", ["alpha-3", "beta-3", "gamma-2"], 8),
        ])
        let removed = try shelf.removed(by: Self.policy(Self.rule(1, "tagged", ["alpha*", "beta*"], Self.count(1))))
        #expect(removed == ["A": 1, "B": 1])
    }

    @Test func exampleE() throws {
        let shelf = try Shelf([("A", ["alpha-1"], 4), ("B", ["beta-1"], 3), ("C", [], 2), ("D", ["alpha-2"], 1)])
        #expect(try shelf.removed(by: Self.policy(Self.rule(1, "any", Self.count(1)))) == ["A": 1, "B": 1, "C": 1])
    }

    @Test func exampleF() throws {
        let shelf = try Shelf([
            ("A", ["alpha-1", "beta-1"], 4), ("B", [], 3), ("C", ["alpha-2"], 2), ("D", ["git-hash"], 1), ("E", [], 1),
        ])
        let removed = try shelf.removed(
            by: Self.policy(
                Self.rule(1, "tagged", ["alpha*"], Self.count(1)), Self.rule(2, "untagged", Self.pushed(1)),
                Self.rule(3, "any", Self.count(1))))
        #expect(removed == ["A": 1, "B": 2, "D": 3])
    }

    // MARK: What the guide shows without a worked example

    private static let archiving = policy(
        #"{"rulePriority":1,"selection":{"tagStatus":"any","countType":"sinceImagePulled","countUnit":"days","countNumber":30},"action":{"type":"transition","targetStorageClass":"archive"}}"#,
        #"{"rulePriority":2,"selection":{"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":365},"action":{"type":"expire"}}"#
    )

    private static func plan(_ policy: String, _ images: LifecycleImage...) throws -> LifecyclePlan {
        try LifecyclePolicy(policy).plan(for: images, at: now)
    }

    @Test func whatNobodyPullsGoesToTheArchiveAndFromThereAway() throws {
        let idle = LifecycleImage(digest: try Self.digest(1), pushedAt: Self.ago(days: 31))
        let pulled = LifecycleImage(
            digest: try Self.digest(2), pushedAt: Self.ago(days: 400), pulledAt: Self.ago(days: 29))
        let archived = LifecycleImage(
            digest: try Self.digest(3), pushedAt: Self.ago(days: 900), status: .archived, archivedAt: Self.ago(days: 366))
        let young = LifecycleImage(
            digest: try Self.digest(4), pushedAt: Self.ago(days: 900), status: .archived, archivedAt: Self.ago(days: 365))
        let onItsWay = LifecycleImage(
            digest: try Self.digest(5), pushedAt: Self.ago(days: 900), status: .activating, archivedAt: Self.ago(days: 900))
        let plan = try Self.plan(Self.archiving, idle, pulled, archived, young, onItsWay)
        #expect(plan.steps.map(\.image) == [idle, archived])
        #expect(plan.steps.map(\.action) == [.archive, .expire])
        #expect(plan.steps.map(\.priority) == [1, 2])
    }

    @Test func comingBackFromTheArchiveCountsAsAPush() throws {
        let back = LifecycleImage(
            digest: try Self.digest(1), pushedAt: Self.ago(days: 400), pulledAt: Self.ago(days: 200),
            archivedAt: Self.ago(days: 100), activatedAt: Self.ago(days: 5))
        #expect(try Self.plan(Self.archiving, back).steps.isEmpty)
        #expect(try Self.plan(Self.policy(Self.rule(1, "any", Self.pushed(6))), back).steps.isEmpty)
        #expect(try Self.plan(Self.policy(Self.rule(1, "any", Self.pushed(4))), back).steps.count == 1)
        let never = LifecycleImage(digest: try Self.digest(2), pushedAt: Self.ago(days: 10))
        #expect(try Self.plan(Self.policy(Self.rule(1, "any", Self.count(1))), back, never).steps.map(\.image) == [never])
    }

    @Test func aPullAfterComingBackCountsMoreThanTheComingBack() throws {
        let back = LifecycleImage(
            digest: try Self.digest(1), pushedAt: Self.ago(days: 400), pulledAt: Self.ago(days: 31),
            archivedAt: Self.ago(days: 100), activatedAt: Self.ago(days: 50))
        #expect(try Self.plan(Self.archiving, back).steps.count == 1)
    }

    @Test func exactlySoManyDaysIsNotOlder() throws {
        let image = LifecycleImage(digest: try Self.digest(1), pushedAt: Self.ago(days: 7))
        #expect(try Self.plan(Self.policy(Self.rule(1, "any", Self.pushed(7))), image).steps.isEmpty)
        let older = LifecycleImage(digest: image.digest, pushedAt: image.pushedAt + .microseconds(-1))
        #expect(try Self.plan(Self.policy(Self.rule(1, "any", Self.pushed(7))), older).steps.count == 1)
    }

    // MARK: Lists and the images that they name

    private static let untagged = policy(rule(1, "untagged", pushed(1)))

    @Test func aListThatStaysKeepsWhatItNames() throws {
        let child = LifecycleImage(digest: try Self.digest(1), pushedAt: Self.ago(days: 9))
        let list = LifecycleImage(
            digest: try Self.digest(2), tags: [try Tag("latest")], pushedAt: Self.ago(days: 9), children: [child.digest])
        let plan = try Self.plan(Self.untagged, child, list)
        #expect(plan.steps.isEmpty)
        #expect(plan.kept.map(\.image) == [child])
        #expect(plan.kept.map(\.priority) == [1])
        #expect(plan.kept.map(\.reason) == [.namedByLists([list.digest])])
    }

    @Test func aListGoesBeforeWhatItNames() throws {
        let grandchild = LifecycleImage(digest: try Self.digest(1), pushedAt: Self.ago(days: 9))
        let child = LifecycleImage(digest: try Self.digest(2), pushedAt: Self.ago(days: 9), children: [grandchild.digest])
        let list = LifecycleImage(digest: try Self.digest(3), pushedAt: Self.ago(days: 9), children: [child.digest])
        #expect(try Self.plan(Self.untagged, grandchild, child, list).steps.map(\.image) == [list, child, grandchild])
    }

    @Test func whatOneOfTwoListsKeepsStaysAndKeepsItsOwn() throws {
        let grandchild = LifecycleImage(digest: try Self.digest(1), pushedAt: Self.ago(days: 9))
        let child = LifecycleImage(digest: try Self.digest(2), pushedAt: Self.ago(days: 9), children: [grandchild.digest])
        let goes = LifecycleImage(digest: try Self.digest(3), pushedAt: Self.ago(days: 9), children: [child.digest])
        let stays = LifecycleImage(
            digest: try Self.digest(4), tags: [try Tag("1")], pushedAt: Self.ago(days: 9), children: [child.digest])
        let plan = try Self.plan(Self.untagged, grandchild, child, goes, stays)
        #expect(plan.steps.map(\.image) == [goes])
        #expect(plan.kept.map(\.reason) == [.namedByLists([child.digest]), .namedByLists([stays.digest])])
    }

    @Test func aChildMayBeArchivedWithItsListAndNotBefore() throws {
        let child = LifecycleImage(digest: try Self.digest(1), pushedAt: Self.ago(days: 40))
        let list = LifecycleImage(digest: try Self.digest(2), pushedAt: Self.ago(days: 40), children: [child.digest])
        #expect(try Self.plan(Self.archiving, child, list).steps.map(\.image) == [list, child])
        let pulled = LifecycleImage(
            digest: list.digest, pushedAt: list.pushedAt, pulledAt: Self.ago(days: 1), children: [child.digest])
        #expect(try Self.plan(Self.archiving, child, pulled).steps.isEmpty)
        let archived = LifecycleImage(
            digest: list.digest, pushedAt: list.pushedAt, status: .archived, archivedAt: Self.ago(days: 2),
            children: [child.digest])
        #expect(try Self.plan(Self.archiving, child, archived).steps.map(\.image) == [child])
    }

    // MARK: Referrers

    @Test func aReferrerGoesWithItsSubjectAndTheReferrersOfTheReferrerToo() throws {
        let subject = LifecycleImage(digest: try Self.digest(1), pushedAt: Self.ago(days: 9))
        let signature = LifecycleImage(digest: try Self.digest(2), pushedAt: Self.now, subject: subject.digest)
        let stamp = LifecycleImage(
            digest: try Self.digest(3), tags: [try Tag("stamp")], pushedAt: Self.now, subject: signature.digest)
        let plan = try Self.plan(Self.untagged, stamp, signature, subject)
        #expect(plan.steps.map(\.image) == [subject, signature, stamp])
        #expect(plan.steps.allSatisfy { $0.priority == 1 && $0.action == .expire })
    }

    @Test func aReferrerStaysWithASubjectThatStays() throws {
        let subject = LifecycleImage(digest: try Self.digest(1), tags: [try Tag("1")], pushedAt: Self.ago(days: 9))
        let signature = LifecycleImage(digest: try Self.digest(2), pushedAt: Self.ago(days: 9), subject: subject.digest)
        let plan = try Self.plan(Self.untagged, signature, subject)
        #expect(plan.steps.isEmpty)
        #expect(plan.kept.map(\.reason) == [.subjectStays(subject.digest)])
    }

    @Test func aReferrerWhoseSubjectIsNotHereIsAnImageLikeAnother() throws {
        let lone = LifecycleImage(digest: try Self.digest(2), pushedAt: Self.ago(days: 9), subject: try Self.digest(7))
        #expect(try Self.plan(Self.untagged, lone).steps.map(\.image) == [lone])
    }

    @Test func aReferrerFollowsItsSubjectToTheArchiveAndOutOfIt() throws {
        let subject = LifecycleImage(digest: try Self.digest(1), pushedAt: Self.ago(days: 40))
        let signature = LifecycleImage(digest: try Self.digest(2), pushedAt: Self.now, subject: subject.digest)
        #expect(try Self.plan(Self.archiving, subject, signature).steps.map(\.action) == [.archive, .archive])
        let old = LifecycleImage(
            digest: subject.digest, pushedAt: Self.ago(days: 900), status: .archived, archivedAt: Self.ago(days: 400))
        #expect(try Self.plan(Self.archiving, old, signature).steps.map(\.action) == [.expire, .expire])
    }

    @Test func aListAboutOneOfItsOwnIsNoReferrer() throws {
        let child = LifecycleImage(digest: try Self.digest(1), pushedAt: Self.ago(days: 9))
        let list = LifecycleImage(
            digest: try Self.digest(2), pushedAt: Self.ago(days: 9), subject: child.digest, children: [child.digest])
        #expect(try Self.plan(Self.untagged, child, list).steps.map(\.image) == [list, child])
    }

    /// Looks through each list once: looking at all of them for each level would take billions of steps.
    @Test(.timeLimit(.minutes(1))) func aChainOfListsIsPlannedAtTheCostOfItsLength() throws {
        let length = 40_000
        let old = Self.ago(days: 100)
        let images = try (0..<length).map { number in
            // The first is young and stays, and so do all that it names, directly or not.
            LifecycleImage(
                digest: try Self.digest(number), pushedAt: number == 0 ? Self.now : old,
                children: number + 1 < length ? [try Self.digest(number + 1)] : [])
        }
        let rule = Self.rule(1, "any", #""countType":"sinceImagePushed","countUnit":"days","countNumber":1"#)
        let policy = #"{"rules":[\#(rule)]}"#
        let plan = try LifecyclePolicy(policy).plan(for: images, at: Self.now)
        #expect(plan.steps.isEmpty && plan.kept.count == length - 1)
        let gone = try LifecyclePolicy(policy).plan(for: Array(images.dropFirst()), at: Self.now)
        #expect(gone.steps.count == length - 1 && gone.kept.isEmpty)
        #expect(gone.steps.map(\.image.digest) == images.dropFirst().map(\.digest))
    }
}
