/// Turns the rules' selection into a plan that can be carried out: a list keeps the manifests that it names, and a referrer goes
/// only with its subject.
///
/// Computes a fixed point. A list that stays keeps its children, and a child that is a list then keeps its own. An image that is
/// kept stays kept, so the number of rounds is at most the number of levels, and all rounds together look at each list's children
/// once.
struct LifecyclePlanning {
    private struct Decision {
        let action: LifecycleRule.Action
        let priority: Int
    }

    private let images: [LifecycleImage]
    private let chosen: [LifecycleRule?]
    /// For each image, the indexes of the lists that name it.
    private let lists: [[Int]]
    /// For each list, the indexes of the manifests that it names and that are here.
    private let listed: [[Int]]
    /// For each image, the index of its subject, if that is here.
    private let subjects: [Int?]
    private let referrers: [[Int]]

    /// - Parameter images: sorted by digest.
    init(_ images: [LifecycleImage], chosen: [LifecycleRule?]) {
        self.images = images
        self.chosen = chosen
        let places = Dictionary(images.enumerated().map { ($1.digest, $0) }, uniquingKeysWith: { first, _ in first })
        var lists = [[Int]](repeating: [], count: images.count)
        var listed = lists
        var referrers = lists
        var subjects = [Int?](repeating: nil, count: images.count)
        for (place, image) in images.enumerated() {
            for child in Set(image.children) {
                guard let child = places[child], child != place else { continue }
                lists[child].append(place)
                listed[place].append(child)
            }
            // If a list's subject is one of its own children, the list keeps the child, and the reference is ignored.
            if let subject = image.subject.flatMap({ places[$0] }), subject != place,
                !image.children.contains(images[subject].digest)
            {
                subjects[place] = subject
                referrers[subject].append(place)
            }
        }
        self.lists = lists
        self.listed = listed
        self.subjects = subjects
        self.referrers = referrers
    }

    func plan() -> LifecyclePlan {
        var decisions = decide()
        // The indexes of images that lists keep, with the priority of the rule that selected them.
        var kept: [Int: Int] = [:]
        var held = images.indices.filter { place in
            decisions[place].map { decision in lists[place].contains { holds($0, decision.action, decisions) } } ?? false
        }
        while true {
            while !held.isEmpty { held = keep(held, &decisions, &kept) }
            let (order, isWhole) = order(decisions)
            if isWhole { return plan(order, decisions, kept) }
            // A ring: a list whose subject is reachable from it. No member of the ring can go first, so all of it stays.
            let ordered = Set(order)
            held = images.indices.filter { decisions[$0] != nil && !ordered.contains($0) }
        }
    }

    /// The decision for every image before lists keep any: selected images go, and their referrers go with them.
    private func decide() -> [Decision?] {
        var decisions = [Decision?](repeating: nil, count: images.count)
        var waiting: [Int] = []
        for (place, rule) in chosen.enumerated() {
            guard let rule, subjects[place] == nil else { continue }
            decisions[place] = Decision(action: rule.action, priority: rule.priority)
            waiting.append(place)
        }
        while let subject = waiting.popLast() {
            for place in referrers[subject] {
                guard let decision = decisions[subject] else { continue }
                if decision.action == .archive, images[place].status != .active { continue }
                decisions[place] = decision
                waiting.append(place)
            }
        }
        return decisions
    }

    /// One round: `held` stay, and so do their referrers. Returns the images that these keep in turn: the children of the lists
    /// that have just been kept. Each list is looked through once over all rounds, when it is kept.
    private func keep(_ held: [Int], _ decisions: inout [Decision?], _ kept: inout [Int: Int]) -> [Int] {
        for place in held { kept[place] = decisions[place]?.priority }
        var stays: [Int] = []
        var waiting = held
        while let place = waiting.popLast() {
            guard decisions[place] != nil else { continue }
            decisions[place] = nil
            stays.append(place)
            waiting += referrers[place]
        }
        var next: Set<Int> = []
        for list in stays {
            for place in listed[list] {
                if let decision = decisions[place], holds(list, decision.action, decisions) { next.insert(place) }
            }
        }
        return next.sorted()
    }

    /// True if the list prevents `action` on the manifests that it names.
    private func holds(_ list: Int, _ action: LifecycleRule.Action, _ decisions: [Decision?]) -> Bool {
        switch action {
        case .expire: decisions[list]?.action != .expire
        // A child may be archived once no list that stays available leads a client to it.
        case .archive: decisions[list] == nil && images[list].status != .archived
        }
    }

    private func plan(_ order: [Int], _ decisions: [Decision?], _ kept: [Int: Int]) -> LifecyclePlan {
        let steps = order.compactMap { place in
            decisions[place].map {
                LifecyclePlan.Step(image: images[place], action: $0.action, priority: $0.priority)
            }
        }
        let stays = images.indices.compactMap { place -> LifecyclePlan.Kept? in
            guard decisions[place] == nil else { return nil }
            if let priority = kept[place] {
                let names = lists[place].filter { decisions[$0]?.action != .expire }.map { images[$0].digest }
                return LifecyclePlan.Kept(
                    image: images[place], priority: priority, reason: .namedByLists(names.sorted()))
            }
            guard let rule = chosen[place], let subject = subjects[place] else { return nil }
            return LifecyclePlan.Kept(
                image: images[place], priority: rule.priority, reason: .subjectStays(images[subject].digest))
        }
        return LifecyclePlan(steps: steps, kept: stays)
    }

    /// The indexes of the images that go: lists before their children, subjects before their referrers, otherwise by digest.
    /// `isWhole` is false if a ring leaves some out.
    private func order(_ decisions: [Decision?]) -> (order: [Int], isWhole: Bool) {
        var after = [[Int]](repeating: [], count: images.count)
        var open = [Int](repeating: 0, count: images.count)
        for place in images.indices where decisions[place] != nil {
            for before in lists[place] + (subjects[place].map { [$0] } ?? []) where decisions[before] != nil {
                after[before].append(place)
                open[place] += 1
            }
        }
        var ordered = images.indices.filter { decisions[$0] != nil && open[$0] == 0 }
        var at = 0
        while at < ordered.count {
            for place in after[ordered[at]] {
                open[place] -= 1
                if open[place] == 0 { ordered.append(place) }
            }
            at += 1
        }
        return (ordered, ordered.count == decisions.count(where: { $0 != nil }))
    }
}
