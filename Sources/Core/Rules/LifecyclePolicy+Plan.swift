extension LifecyclePolicy {
    /// What the policy does at this moment to these images, all of one repository (docs/ecr.md, "How a lifecycle policy is
    /// carried out").
    ///
    /// Each storage class is evaluated by itself. Every rule marks images among those that it sees, as if it were the only rule.
    /// An image that a rule of lower number has seen, marked or not, is out of reach of later rules. The plan then drops what
    /// cannot go: an image stays as long as a list that names it stays, and a referrer goes only with its subject.
    package func plan(for images: [LifecycleImage], at now: Timestamp) -> LifecyclePlan {
        let images = images.sorted { $0.digest < $1.digest }
        return LifecyclePlanning(images, chosen: chosen(among: images, at: now)).plan()
    }

    /// For each image, by index, the rule that selects it; nil for none.
    func chosen(among images: [LifecycleImage], at now: Timestamp) -> [LifecycleRule?] {
        var chosen = [LifecycleRule?](repeating: nil, count: images.count)
        for storageClass in LifecycleSelection.StorageClass.allCases {
            var seenBefore = [Bool](repeating: false, count: images.count)
            for rule in rules where rule.selection.storageClass == storageClass {
                let matcher = LifecycleMatcher(rule.selection.tags)
                let seen = images.indices.filter {
                    images[$0].storageClass == storageClass && matcher.sees(images[$0].tags)
                }
                for place in rule.selection.count.marked(seen, of: images, at: now) where !seenBefore[place] {
                    chosen[place] = rule
                }
                for place in seen { seenBefore[place] = true }
            }
        }
        return chosen
    }
}

extension LifecycleSelection.Count {
    private static let day = Duration.seconds(86_400)

    /// The images in `seen` that exceed the number or the age.
    fileprivate func marked(_ seen: [Int], of images: [LifecycleImage], at now: Timestamp) -> [Int] {
        switch self {
        case .moreThan(let limit):
            guard seen.count > limit else { return [] }
            // Of two images of the same moment, the one with the greater digest counts as younger.
            let youngestFirst = seen.sorted {
                (images[$0].effectivePush, images[$0].digest) > (images[$1].effectivePush, images[$1].digest)
            }
            return Array(youngestFirst.dropFirst(limit))
        case .days(let days, let moment):
            return seen.filter { place in
                images[place].moment(moment).map { now - $0 > Self.day * days } ?? false
            }
        }
    }
}
