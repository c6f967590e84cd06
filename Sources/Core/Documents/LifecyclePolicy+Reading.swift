extension LifecyclePolicy {
    /// Reads and checks a policy. The order of the checks is that of ECR's answers: first each rule's shape, then the rules
    /// together.
    package init(_ text: String) throws(LifecyclePolicyError) {
        guard text.unicodeScalars.count <= Self.maxLength, case .object(let members)? = JSONValue(document: text) else {
            throw LifecyclePolicyError(reason: "Could not map policyString into LifecyclePolicy.'")
        }
        try LifecycleShape(members, required: ["rules"], optional: []).check()
        guard case .array(let list)? = members["rules"] else {
            throw .type(members["rules"] ?? .null, allowed: "array")
        }
        guard !list.isEmpty else {
            throw LifecyclePolicyError(
                reason: "array is too short: must have at least 1 elements but instance has 0 elements'")
        }
        guard list.count <= Self.maxRules else {
            throw LifecyclePolicyError(
                reason: "array is too long: must have at most \(Self.maxRules) elements "
                    + "but instance has \(list.count) elements'")
        }
        for rule in list {
            guard case .object = rule else { throw .type(rule, allowed: "object") }
        }
        var rules: [LifecycleRule] = []
        for case .object(let rule) in list { rules.append(try LifecycleRule(rule)) }
        self.rules = rules.sorted { $0.priority < $1.priority }
        try checkTogether()
    }

    /// The checks that need all rules.
    private func checkTogether() throws(LifecyclePolicyError) {
        guard Set(rules.map(\.priority)).count == rules.count else {
            throw LifecyclePolicyError(reason: "Rule priorities must be unique.'")
        }
        for storageClass in LifecycleSelection.StorageClass.allCases {
            let tags = rules.filter { $0.selection.storageClass == storageClass }.map(\.selection.tags)
            guard tags.count(where: { $0 == .untagged }) <= 1 else {
                throw LifecyclePolicyError(
                    reason: "Only one rule can select Untagged images per storage class.'")
            }
            guard !tags.dropLast().contains(.any) else {
                throw LifecyclePolicyError(
                    reason: "Rule for tagStatus=ANY must have the lowest priority per storage class'")
            }
            guard Set(tags.map(\.unordered)).count == tags.count else {
                throw LifecyclePolicyError(
                    reason: "Tag prefix and tag pattern lists must be unique per storage class.'")
            }
        }
    }
}

extension LifecycleSelection.Tags {
    /// The same selection with its list sorted and without duplicates, for comparing.
    fileprivate var unordered: Self {
        switch self {
        case .any, .untagged: self
        case .prefixes(let prefixes): .prefixes(Set(prefixes).sorted())
        case .patterns(let patterns): .patterns(Set(patterns).sorted())
        }
    }
}

extension LifecycleRule {
    fileprivate init(_ members: [String: JSONValue]) throws(LifecyclePolicyError) {
        let shape = LifecycleShape(
            members, required: ["action", "rulePriority", "selection"], optional: ["description"])
        try shape.check()
        let action = LifecycleShape(
            try shape.object("action"), required: ["type"], optional: ["targetStorageClass"])
        try action.check()
        let type = try action.word("type", ["expire", "transition"])
        let selection = try LifecycleSelection(try shape.object("selection"))
        if action.has("targetStorageClass") { _ = try action.word("targetStorageClass", ["archive"]) }
        guard type == "transition" || !action.has("targetStorageClass") else {
            throw .word("targetStorageClass can be given only when the action type is transition")
        }
        guard type == "expire" || action.has("targetStorageClass") else {
            throw .missing(["targetStorageClass"])
        }
        self.init(
            priority: try shape.integer("rulePriority", minimum: 1),
            description: try shape.text("description"), selection: selection,
            action: type == "expire" ? .expire : .archive)
        try checkAction()
    }

    /// Which actions go with which counts.
    private func checkAction() throws(LifecyclePolicyError) {
        if case .days(_, since: .pulled) = selection.count, action != .archive {
            throw .word("countType sinceImagePulled can be used only when the action type is transition")
        }
        if case .days(let days, since: .transitioned) = selection.count {
            guard action == .expire else {
                throw .word("countType sinceImageTransitioned can be used only when the action type is expire")
            }
            guard days >= LifecyclePolicy.minArchiveDays else {
                throw .tooLow(days, minimum: LifecyclePolicy.minArchiveDays)
            }
        }
    }
}

extension LifecycleSelection {
    fileprivate init(_ members: [String: JSONValue]) throws(LifecyclePolicyError) {
        let shape = LifecycleShape(
            members, required: ["countNumber", "countType", "tagStatus"],
            optional: ["countUnit", "storageClass", "tagPatternList", "tagPrefixList"])
        try shape.check()
        tags = try Self.tags(shape)
        count = try Self.count(shape)
        let named = shape.has("storageClass") ? try shape.word("storageClass", ["archive", "standard"]) : "standard"
        storageClass = named == "archive" ? .archive : .standard
        if case .days(_, since: .transitioned) = count {
            guard storageClass == .archive else {
                throw .word("storageClass must be archive when countType is sinceImageTransitioned")
            }
        } else if storageClass == .archive {
            throw .word("storageClass can be archive only when countType is sinceImageTransitioned")
        }
    }

    private static func tags(_ shape: LifecycleShape) throws(LifecyclePolicyError) -> Tags {
        let status = try shape.word("tagStatus", ["any", "tagged", "untagged"])
        let prefixes = try shape.texts("tagPrefixList")
        let patterns = try shape.texts("tagPatternList")
        guard status == "tagged" else {
            guard prefixes.isEmpty, patterns.isEmpty else {
                throw .word("tagPrefixList and tagPatternList can be given only when tagStatus=TAGGED")
            }
            return status == "any" ? .any : .untagged
        }
        guard prefixes.isEmpty || patterns.isEmpty else {
            throw .word("Only one of tagPrefixList and tagPatternList can be given")
        }
        guard !prefixes.isEmpty || !patterns.isEmpty else {
            throw .word("Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED")
        }
        guard patterns.allSatisfy({ $0.utf8.count(where: { $0 == UInt8(ascii: "*") }) <= 4 }) else {
            throw .word("A tag pattern can have at most four wildcards (*)")
        }
        return prefixes.isEmpty ? .patterns(patterns) : .prefixes(prefixes)
    }

    private static func count(_ shape: LifecycleShape) throws(LifecyclePolicyError) -> Count {
        let types: [String: Moment?] = [
            "imageCountMoreThan": nil, "sinceImagePushed": .pushed, "sinceImagePulled": .pulled,
            "sinceImageTransitioned": .transitioned,
        ]
        guard let type = try shape.text("countType"), let moment = types[type] else { throw .noCount }
        if shape.has("countUnit") { _ = try shape.word("countUnit", ["days"]) }
        let number = try shape.integer("countNumber", minimum: 1)
        guard shape.has("countUnit") == (moment != nil) else { throw .noCount }
        return moment.map { .days(number, since: $0) } ?? .moreThan(number)
    }
}
