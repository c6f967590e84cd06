package import WeirCore

/// Random policies and repositories, the same for the same seed.
package struct LifecycleRandom: RandomNumberGenerator {
    package static let now = Timestamp(seconds: 1_800_000_000)
    private static let words = ["a", "b", "prod", "dev", "v1"]

    private var state: UInt64

    package init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0xD1B5_4A32_D192_ED03 }

    package mutating func next() -> UInt64 {
        // SplitMix64.
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
    private mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &self)]
    }

    // MARK: Policies

    /// A policy that ECR would accept.
    package mutating func policyText() -> String {
        var rules: [String] = []
        var lists: Set<String> = []
        let priorities = (1...60).shuffled(using: &self)
        let number = Int.random(in: 1...4, using: &self)
        let order = priorities.prefix(number + 2).sorted()
        var location = 0
        let hasUntagged = chance(50)
        for index in 0..<number {
            if index == 0, hasUntagged {
                rules.append(rule(order[location], #""tagStatus":"untagged""#))
            } else {
                let isPattern = chance(60)
                let words = Self.words.shuffled(using: &self).prefix(chance(70) ? 1 : 2).sorted()
                let list = words.map { #""\#($0)\#(isPattern ? "*" : "")""# }.joined(separator: ",")
                guard lists.insert("\(isPattern) \(list)").inserted else { continue }
                let member = isPattern ? "tagPatternList" : "tagPrefixList"
                rules.append(rule(order[location], #""tagStatus":"tagged","\#(member)":[\#(list)]"#))
            }
            location += 1
        }
        if rules.isEmpty || chance(40) {
            rules.append(rule(order[location], #""tagStatus":"any""#))
            location += 1
        }
        if chance(40) {
            rules.append(
                #"{"rulePriority":\#(order[location]),"selection":{"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":\#(Int.random(in: 90...95, using: &self))},"action":{"type":"expire"}}"#
            )
        }
        return #"{"rules":[\#(rules.shuffled(using: &self).joined(separator: ","))]}"#
    }

    private mutating func rule(_ priority: Int, _ tags: String) -> String {
        let kind = Int.random(in: 0..<4, using: &self)
        let number = Int.random(in: 1...6, using: &self)
        let count =
            switch kind {
            case 0, 1: #""countType":"imageCountMoreThan","countNumber":\#(number)"#
            case 2: #""countType":"sinceImagePushed","countUnit":"days","countNumber":\#(number)"#
            default: #""countType":"sinceImagePulled","countUnit":"days","countNumber":\#(number)"#
            }
        let archives = kind == 3 || chance(30)
        let action = archives ? #"{"type":"transition","targetStorageClass":"archive"}"# : #"{"type":"expire"}"#
        return #"{"rulePriority":\#(priority),"selection":{\#(tags),\#(count)},"action":\#(action)}"#
    }

    // MARK: Repositories

    /// Images, lists, and referrers of each other: each comes after the manifests that it names, as digests demand.
    package mutating func images(count: Int) throws -> [LifecycleImage] {
        var images: [LifecycleImage] = []
        var digests = try (0..<count).map { try Digest("sha256:" + Self.hex($0 &* 2_654_435_761 &+ 97)) }
        digests.shuffle(using: &self)
        for digest in digests {
            let children = chance(25) ? images.filter { _ in chance(30) }.map(\.digest) : []
            let subject = chance(25) ? images.randomElement(using: &self)?.digest : nil
            images.append(try image(digest, subject: subject, children: children))
        }
        return images
    }

    private mutating func image(_ digest: Digest, subject: Digest?, children: [Digest]) throws -> LifecycleImage {
        let tags = try (0..<(chance(40) ? 0 : Int.random(in: 1...3, using: &self))).map { number in
            try Tag("\(pick(Self.words))-\(digest.hex.suffix(6))-\(number)")
        }
        var status = ImageStatus.active
        if chance(25) { status = chance(85) ? .archived : .activating }
        let wasAway = status != .active || chance(15)
        return LifecycleImage(
            digest: digest, tags: tags.sorted { "\($0)" < "\($1)" }, pushedAt: ago(upTo: 12),
            pulledAt: chance(50) ? ago(upTo: 8) : nil, status: status, archivedAt: wasAway ? ago(from: 86, upTo: 98) : nil,
            activatedAt: wasAway && chance(50) ? ago(upTo: 8) : nil, subject: subject, children: children)
    }

    /// Often whole days, so that ages meet the limits exactly and several images have the same age.
    private mutating func ago(from least: Int = 0, upTo most: Int) -> Timestamp {
        let seconds = Int.random(in: least...most, using: &self) * 86_400 + pick([0, 0, 0, 1, 43_200])
        return Self.now + .seconds(-seconds)
    }

    private static func hex(_ number: Int) -> String {
        let text = String(UInt64(bitPattern: Int64(number)), radix: 16)
        return String(repeating: "0", count: 64 - text.count) + text
    }
}
