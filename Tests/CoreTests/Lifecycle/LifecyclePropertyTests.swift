import ConformanceSuites
import Testing
import WeirCore

/// Ten thousand random policies over random repositories: the plan is what a literal reading of docs/ecr.md gives, and its
/// invariants hold.
@Suite struct LifecyclePropertyTests {
    @Test("The plan is what a plain reading of the rules gives", arguments: 0..<20)
    func plainReading(seed: Int) throws {
        for number in 0..<500 {
            var random = LifecycleRandom(seed: UInt64(seed * 500 + number))
            let policy = try LifecyclePolicy(random.policyText())
            let images = try random.images(count: Int.random(in: 0...14, using: &random))
            let plan = policy.plan(for: images.shuffled(using: &random), at: LifecycleRandom.now)
            let marked = Plain(policy: policy, images: images).marked()
            check(plan, marked: marked, of: images)
            #expect(plan == policy.plan(for: images, at: LifecycleRandom.now), "seed \(seed) \(number): the order counts")
        }
    }

    private func check(_ plan: LifecyclePlan, marked: [Digest: LifecycleRule], of images: [LifecycleImage]) {
        let here = Dictionary(uniqueKeysWithValues: images.map { ($0.digest, $0) })
        let steps = Dictionary(uniqueKeysWithValues: plan.steps.map { ($0.image.digest, $0) })
        #expect(steps.count == plan.steps.count)
        for (digest, rule) in marked where steps[digest] == nil {
            #expect(plan.kept.contains { $0.image.digest == digest && $0.priority > 0 }, "\(rule.priority) is not explained")
        }
        var gone: Set<Digest> = []
        for step in plan.steps {
            let image = step.image
            let subject = image.subject.flatMap { here[$0] }.flatMap { image.children.contains($0.digest) ? nil : $0 }
            if let subject {
                // It follows its subject, which went before it and in the same way.
                #expect(gone.contains(subject.digest) && steps[subject.digest]?.action == step.action)
            } else {
                #expect(marked[image.digest]?.priority == step.priority && marked[image.digest]?.action == step.action)
            }
            for list in images where list.digest != image.digest && list.children.contains(image.digest) {
                let isAway = gone.contains(list.digest)
                switch step.action {
                case .expire: #expect(isAway && steps[list.digest]?.action == .expire)
                case .archive: #expect(isAway || list.status == .archived)
                }
            }
            if step.action == .archive { #expect(image.status == .active) }
            gone.insert(image.digest)
        }
        for kept in plan.kept { #expect(steps[kept.image.digest] == nil) }
    }
}

/// The algorithm read word for word, regardless of speed: which rule takes which image, before lists and subjects are considered.
private struct Plain {
    let policy: LifecyclePolicy
    let images: [LifecycleImage]

    func marked() -> [Digest: LifecycleRule] {
        var result: [Digest: LifecycleRule] = [:]
        for rule in policy.rules {
            let higher = policy.rules.filter {
                $0.priority < rule.priority && $0.selection.storageClass == rule.selection.storageClass
            }
            for image in images where marks(rule, image) {
                if higher.contains(where: { sees($0, image) }) { continue }
                result[image.digest] = rule
            }
        }
        return result
    }

    private func sees(_ rule: LifecycleRule, _ image: LifecycleImage) -> Bool {
        let wanted: ImageStatus = rule.selection.storageClass == .standard ? .active : .archived
        guard image.status == wanted else { return false }
        switch rule.selection.tags {
        case .any: return true
        case .untagged: return image.tags.isEmpty
        case .prefixes(let prefixes):
            return prefixes.allSatisfy { prefix in image.tags.contains { $0.description.hasPrefix(prefix) } }
        case .patterns(let patterns):
            // The random patterns have one star, at their end.
            return patterns.allSatisfy { pattern in
                image.tags.contains { $0.description.hasPrefix(pattern.dropLast()) }
            }
        }
    }

    private func marks(_ rule: LifecycleRule, _ image: LifecycleImage) -> Bool {
        guard sees(rule, image) else { return false }
        switch rule.selection.count {
        case .moreThan(let number):
            let younger = images.filter { other in
                guard sees(rule, other), other.digest != image.digest else { return false }
                let (left, right) = (other.activatedAt ?? other.pushedAt, image.activatedAt ?? image.pushedAt)
                return left > right || (left == right && other.digest > image.digest)
            }
            return younger.count >= number
        case .days(let days, let moment):
            var since: Timestamp?
            switch moment {
            case .pushed: since = image.activatedAt ?? image.pushedAt
            case .transitioned: since = image.archivedAt
            case .pulled:
                since = image.pulledAt ?? image.activatedAt ?? image.pushedAt
                if let activated = image.activatedAt, let pulled = image.pulledAt, pulled < activated { since = activated }
            }
            guard let since else { return false }
            return (LifecycleRandom.now.microseconds - since.microseconds) > Int64(days) * 86_400_000_000
        }
    }
}
