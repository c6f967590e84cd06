package import WeirCore

extension Access {
    /// The condition keys of a demand, without those of its resource.
    func context(
        of caller: Caller, _ demand: AccessDemand, _ callers: CallerPolicies, owner: AccountID, in registry: RegistryID
    ) -> PolicyContext {
        var context = PolicyContext(
            of: caller, principalTags: callers.tags, from: RequestOrigin.current, at: repositories.clock.now, owner: owner,
            in: registry.region)
        settings.fill(&context, for: caller)
        for (key, values) in demand.facts { context[key] += values }
        switch demand.image {
        case .reference(.tag(let tag))?: context["weir:ImageTag"] = ["\(tag)"]
        case .reference(.digest(let digest))?: context["weir:ImageDigest"] = ["\(digest)"]
        case .named(let tag, let digest)?:
            if let tag { context["weir:ImageTag"] = [tag] }
            if let digest { context["weir:ImageDigest"] = [digest] }
        case nil: break
        }
        if let via = demand.via {
            let service = "\(via).amazonaws.com"
            context["aws:ViaAWSService"] = ["true"]
            for key in ["aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast"] { context[key] = [service] }
            context["kms:ViaService"] = ["\(via).\(registry.region).amazonaws.com"]
            // The call comes from the service, not from the client.
            context["aws:SourceIp"] = []
        }
        return context
    }

    /// The condition keys of a request that gives a resource tags.
    package static func facts(giving tags: [ResourceTag]) -> [String: [String]] {
        tags.reduce(into: facts(naming: tags.map(\.key))) { facts, tag in
            // Keys that differ in case alone are one condition key: a policy sees the values of both.
            facts["aws:requesttag/\(tag.key.lowercased())", default: []].append(tag.value)
        }
    }

    /// The condition keys of a request that takes tags away: the tags' keys alone.
    package static func facts(naming keys: [String]) -> [String: [String]] { ["aws:TagKeys": keys] }
}

extension Access {
    /// Whether a registry's policy denies its author the registry itself, or the images of every repository in it. Until the
    /// account's root replaces or deletes such a policy, it can do nothing else.
    package func shutsOut(_ author: Caller, by policy: PolicyDocument, of registry: RegistryID) -> Bool {
        let context = PolicyContext(
            of: author, from: RequestOrigin.current, at: repositories.clock.now, owner: registry.account, in: registry.region)
        let probes = [
            ("ecr:PutRegistryPolicy", "*"), ("ecr:DescribeRepositories", registry.arn("ecr", "repository/*")),
            ("ecr:BatchGetImage", registry.arn("ecr", "repository/*")),
        ]
        return probes.contains { action, resource in
            let request = AuthorizationRequest(
                caller: author, action: action, resource: resource, owner: registry.account, context: context)
            let layers = PolicyLayers(resource: [NamedPolicy(.resource("registry policy"), policy)])
            return Authorizer.decide(request, layers).verdict == .explicitDeny(.resource)
        }
    }
}

/// A stored policy of a resource. One that cannot be read allows nothing.
package enum StoredPolicy: Sendable, Equatable {
    case document(PolicyDocument)
    case unreadable

    /// - Parameter pins: the users and roles that it names.
    init(_ text: String, pins: PolicyPins) {
        self = (try? PolicyDocument(text, pins: pins.ids)).map { .document($0) } ?? .unreadable
    }
}

extension NamedPolicy.Source {
    /// For the log and the audit record.
    package var text: String {
        switch self {
        case .managed(let arn): arn
        case .inline(let kind, let owner, let name): "\(kind)/\(owner): \(name)"
        case .resource(let name): name
        case .session: "session policy"
        case .grant(let id): "grant \(id)"
        }
    }
}
