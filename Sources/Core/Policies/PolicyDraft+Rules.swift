/// The rules of the three grammars. Each throws the first breach that it finds, from the first statement on.
extension PolicyDraft {
    enum Rule {
        case noPrincipal, version, legacyParsing, sids, actionsExist, actionForms, resourcesExist, resourceForms
        case trustActions, trustMembers, resourcePolicy
    }

    func check(_ rule: Rule) throws(PolicyFault) {
        switch rule {
        case .noPrincipal: try checkNoPrincipal()
        case .version: try checkVersion()
        case .legacyParsing: try checkLegacy()
        case .sids: try checkSids()
        case .actionsExist: try checkActionsExist()
        case .actionForms: try checkActionForms()
        case .resourcesExist: try checkResourcesExist()
        case .resourceForms: try checkResourceForms()
        case .trustActions: try checkTrustActions()
        case .trustMembers: try checkTrustMembers()
        case .resourcePolicy: try checkResourcePolicy()
        }
    }

    private func checkNoPrincipal() throws(PolicyFault) {
        if statements.contains(where: { $0.principal != nil }) { throw PolicyFault(.principalForbidden) }
    }

    private func checkVersion() throws(PolicyFault) {
        guard version == .v2012 else { throw PolicyFault(.version) }
    }

    private func checkLegacy() throws(PolicyFault) {
        for statement in statements {
            guard PolicyStatement.Effect(rawValue: statement.effect) != nil else {
                throw PolicyFault(.legacyParsing, "'Effect' is neither Allow nor Deny")
            }
            for condition in statement.conditions where condition.operation.comparesDates {
                if let stranger = condition.operands.first(where: { PolicyTest.moment($0) == nil }) {
                    throw PolicyFault(.legacyParsing, "'\(stranger)' is not a date")
                }
            }
            for resource in statement.resource?.value ?? [] where IdentityResource.isBroken(resource) {
                throw PolicyFault(.legacyParsing, "the resource '\(resource)' is not an ARN")
            }
        }
    }

    private func checkSids() throws(PolicyFault) {
        let sids = statements.compactMap(\.sid).filter { !$0.isEmpty }
        guard sids.allSatisfy({ $0.utf8.allSatisfy(\.isLetterOrDigit) }) else { throw PolicyFault(.sidCharacters) }
        guard Set(sids).count == sids.count else { throw PolicyFault(.sidTwice) }
    }

    private func checkActionsExist() throws(PolicyFault) {
        guard statements.allSatisfy({ $0.action?.value.isEmpty == false }) else { throw PolicyFault(.noActions) }
    }

    /// `*`, or `vendor:name` with wildcards in the name.
    private func checkActionForms() throws(PolicyFault) {
        for action in statements.flatMap({ $0.action?.value ?? [] }) where action != "*" {
            let parts = action.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            if parts.count < 2 { throw PolicyFault(.actionWithoutVendor, "the action '\(action)' names no service") }
            if parts.count > 2 { throw PolicyFault(.actionOfManyColons, "the action '\(action)' has several colons") }
            let vendor = String(Substring(parts[0]))
            let isVendor =
                vendor == "*"
                || !vendor.isEmpty && vendor.utf8.allSatisfy { $0.isLetterOrDigit || $0 == 0x2d || $0 == 0x2e }
            guard isVendor else { throw PolicyFault(.vendor(vendor), "the action '\(action)' names no service") }
        }
    }

    private func checkResourcesExist() throws(PolicyFault) {
        guard statements.allSatisfy({ $0.resource?.value.isEmpty == false }) else { throw PolicyFault(.noResources) }
    }

    private func checkResourceForms() throws(PolicyFault) {
        for resource in statements.flatMap({ $0.resource?.value ?? [] }) {
            if let fault = IdentityResource.fault(of: resource) {
                throw PolicyFault(fault, "the resource '\(resource)' is not an ARN that IAM takes")
            }
        }
    }

    // MARK: Trust

    /// Wildcards are for STS's own actions: `sts:*`, and not `*`. What a `NotAction` would leave is not one of them either.
    private func checkTrustActions() throws(PolicyFault) {
        for statement in statements {
            guard let action = statement.action else { continue }
            guard !action.isNegated else { throw PolicyFault(.trustAction, "a trust policy has a NotAction") }
            for text in action.value {
                let pattern = PolicyPattern(text, variables: .v2008, ignoringCase: true)
                let isSTS = text.asciiLowercased.hasPrefix("sts:")
                guard isSTS, let pattern, TrustActions.all.contains(where: { pattern.matches($0) }) else {
                    throw PolicyFault(.trustAction, "the action '\(text)' does not assume a role")
                }
            }
        }
    }

    private func checkTrustMembers() throws(PolicyFault) {
        for statement in statements {
            if let resource = statement.resource {
                throw PolicyFault(.prohibited(member: resource.isNegated ? "NotResource" : "Resource"))
            }
            guard let principal = statement.principal else { throw PolicyFault(.missing(member: "Principal")) }
            if principal.isNegated { throw PolicyFault(.prohibited(member: "NotPrincipal")) }
        }
    }

    // MARK: Resources

    /// Looser than IAM about versions, Sids and resources, as ECR is, and stricter about actions.
    private func checkResourcePolicy() throws(PolicyFault) {
        for statement in statements {
            guard PolicyStatement.Effect(rawValue: statement.effect) != nil else {
                throw PolicyFault(.legacyParsing, "'Effect' is neither Allow nor Deny")
            }
            guard statement.principal != nil else { throw PolicyFault("a statement has no 'Principal'") }
            guard let actions = statement.action?.value else { throw PolicyFault(.noActions, "a statement has no 'Action'") }
            guard !actions.isEmpty else { throw PolicyFault(.noActions, "'Action' is an empty list") }
            if let stranger = actions.first(where: { !Self.isActionOfResource($0) }) {
                throw PolicyFault("the action '\(stranger)' is not of the form service:name")
            }
            guard let resources = statement.resource?.value else { continue }
            guard !resources.isEmpty else { throw PolicyFault("'Resource' is an empty list") }
            let stranger = resources.first { text in
                text != "*" && !(text.hasPrefix("arn:") && text.utf8.count(where: { $0 == UInt8(ascii: ":") }) >= 5)
            }
            if let stranger { throw PolicyFault("the resource '\(stranger)' is not an ARN") }
        }
    }

    private static func isActionOfResource(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        let isWord = { (byte: UInt8) in byte.isLetterOrDigit || byte == 0x2d }
        return text == "*"
            || parts.count == 2 && !parts[0].isEmpty && parts[0].allSatisfy(isWord) && !parts[1].isEmpty
                && parts[1].allSatisfy { isWord($0) || $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }
    }
}

extension UInt8 {
    /// Of ASCII.
    var isLetterOrDigit: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5a).contains(self) || (0x61...0x7a).contains(self)
    }
}
