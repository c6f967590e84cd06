import WeirCore

/// The server's own actions, in the form of CloudTrail's service events: `PolicyExecutionEvent`, `DryRunEvent` and
/// `ImageActivationEvent` (docs/ecr.md, "Events and the audit").
struct LifecycleAudit: Sendable {
    /// CloudTrail divides a longer list among several records.
    private static let imagesPerRecord = 9
    private static let tagsPerImage = 100

    /// Nil where no audit log is kept.
    let sink: (any LineSink)?

    /// Records a run or, where it was dry, a preview.
    func note(_ run: LifecycleRun) {
        guard let sink else { return }
        let name = run.mode == .real ? "PolicyExecutionEvent" : "DryRunEvent"
        let actions = run.steps.map { step in
            EventValue.members([
                "lifecycleEventImage": Self.image(step.image), "rulePriority": .integer(Int64(step.priority)),
                "action": .string(Self.word(step.action)),
            ])
        }
        let failures = run.kept.compactMap(Self.failure)
        for start in stride(from: 0, through: max(actions.count, failures.count, 1) - 1, by: Self.imagesPerRecord) {
            let details = EventValue.members([
                "repositoryName": "\(run.repository.name)",
                "lifecycleEventPolicy": .members([
                    "lifecycleEventRules": .list(run.policy.rules.map(Self.rule)),
                    "lastEvaluatedAt": .integer(run.evaluatedAt.microseconds / 1_000),
                ]),
                "lifecycleEventImageActions": .list(Array(actions.dropFirst(start).prefix(Self.imagesPerRecord))),
                "lifecycleEventFailureDetails": .list(Array(failures.dropFirst(start).prefix(Self.imagesPerRecord))),
            ])
            sink.take(Self.record(name, details, of: run.repository, at: run.evaluatedAt))
        }
    }

    func noteActivation(of digest: Digest, in repository: Repository, at now: Timestamp) {
        guard let sink else { return }
        let details = EventValue.members([
            "repositoryName": "\(repository.name)", "imageDigest": "\(digest)", "imageStatus": "ACTIVE",
        ])
        sink.take(Self.record("ImageActivationEvent", details, of: repository, at: now))
    }

    private static func record(
        _ name: String, _ details: EventValue, of repository: Repository, at time: Timestamp
    ) -> String {
        let account = EventValue.string("\(repository.registry.account)")
        var text = ""
        EventValue.members([
            "eventVersion": "1.11",
            "userIdentity": .members(["accountId": account, "invokedBy": "AWS Internal"]),
            "eventTime": .string(time.iso8601), "eventSource": "ecr.amazonaws.com", "eventName": .string(name),
            "awsRegion": "\(repository.registry.region)", "sourceIPAddress": "AWS Internal",
            "userAgent": "AWS Internal", "eventID": .string(RandomID.uuid()),
            "readOnly": .bool(name == "DryRunEvent"),
            "resources": .list([
                .members(["ARN": .string(repository.arn), "accountId": account, "type": "AWS::ECR::Repository"])
            ]),
            "eventType": "AwsServiceEvent", "managementEvent": true, "recipientAccountId": account,
            "serviceEventDetails": details, "eventCategory": "Management",
        ]).write(to: &text)
        return text
    }

    private static func image(_ image: LifecycleImage) -> EventValue {
        .members([
            "digest": "\(image.digest)", "tagStatus": .string(image.tags.isEmpty ? "Untagged" : "Tagged"),
            "tagList": .strings(image.tags.prefix(tagsPerImage).map(\.description)),
            "pushedAt": .integer(image.pushedAt.microseconds / 1_000),
        ])
    }

    /// ECR reports a failure only for lists. A referrer that waits for its subject is no failure.
    private static func failure(_ kept: LifecyclePlan.Kept) -> EventValue? {
        guard case .namedByLists(let lists) = kept.reason else { return nil }
        return .members([
            "lifecycleEventImage": image(kept.image), "rulePriority": .integer(Int64(kept.priority)),
            "failureCode": .string(ImageFailure.Code.imageReferencedByManifestList.rawValue),
            "failureReason": .string(Refusal.referencedByManifestList(lists).message),
        ])
    }

    private static func rule(_ rule: LifecycleRule) -> EventValue {
        let selection = rule.selection
        var status: EventValue = "Tagged"
        var prefixes: [String]?
        var patterns: [String]?
        switch selection.tags {
        case .any: status = "Any"
        case .untagged: status = "Untagged"
        case .prefixes(let list): prefixes = list
        case .patterns(let list): patterns = list
        }
        let (type, number) = words(selection.count)
        return .members([
            "rulePriority": .integer(Int64(rule.priority)),
            "description": rule.description.map { .string($0) },
            "lifecycleEventSelection": .members([
                "tagStatus": status, "tagPrefixList": .strings(prefixes ?? []),
                "tagPatternList": patterns.map { .strings($0) },
                "storageClass": .string(selection.storageClass.rawValue), "countType": .string(type),
                "countNumber": .integer(Int64(number)),
            ]),
            "action": .string(word(rule.action)),
        ])
    }

    private static func word(_ action: LifecycleRule.Action) -> String { action == .expire ? "expire" : "transition" }

    private static func words(_ count: LifecycleSelection.Count) -> (type: String, number: Int) {
        switch count {
        case .moreThan(let number): ("Image count more than", number)
        case .days(let days, .pushed): ("Since image pushed", days)
        case .days(let days, .pulled): ("Since image pulled", days)
        case .days(let days, .transitioned): ("Since image transitioned", days)
        }
    }
}
