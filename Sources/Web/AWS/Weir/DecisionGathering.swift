import WeirCore
import WeirIdentity
import WeirRegistry
import WeirVault

/// Gathers what decides a request that somebody else might make, from the places that a live request has it from.
struct DecisionGathering: Sendable {
    let registry: Registry
    let identity: IdentityParts
    let call: AWSCall

    /// What would be decided, and by which policies.
    struct Question: Sendable {
        let request: AuthorizationRequest
        let layers: PolicyLayers
        /// What is not looked at, and what is supposed, in sentences.
        let notes: [String]
    }

    /// A principal as it would sign a request now.
    struct Signer: Sendable {
        let caller: Caller
        let notes: [String]
    }

    private var records: EntityRecords { EntityRecords(store: identity.store) }

    // MARK: Principals

    /// The caller that `text` names. Throws `.invalidParameter` where there is no such user or role.
    ///
    /// Callers of the home account may ask about principals of all accounts, others about their own.
    func signer(_ text: String) async throws -> Signer {
        let name = try PrincipalName(text, at: "principal", in: call.registry.account)
        guard name.account == call.caller.account || call.caller.account == identity.accounts.home else {
            throw Refusal.invalidParameter("principal", "It is of another account")
        }
        var notes: [String] = []
        if identity.accounts.isDisabled(name.account) {
            notes.append("The account \(name.account) is disabled: nobody of it signs in.")
        }
        let partition = call.registry.region.partition
        if name.kind == .root { return Signer(caller: .root(of: name.account, partition: partition), notes: notes) }
        guard let entity = try await name.entity(records) else {
            throw Refusal.invalidParameter("principal", "There is no \(name.arn(partition: partition))")
        }
        let signing = entity.identity(partition: partition)
        guard entity.kind == .role else { return Signer(caller: .user(signing, of: name.account), notes: notes) }
        var sessionName = "weir-why"
        if case .session(role: _, name: let named) = name.kind { sessionName = named }
        notes.append(
            "The session is taken to have no policies, tags and source identity of its own, which could limit it further.")
        let session = CallerSession(
            accessKeyID: "ASIA-weir-why", issuedAt: call.now, expiresAt: call.now + .seconds(3_600))
        return Signer(
            caller: .session(of: signing, named: sessionName, in: name.account, session: session), notes: notes)
    }

    // MARK: Resources

    /// - Parameters:
    ///   - resource: an ARN, a repository's name, or `*`.
    ///   - given: condition keys that stand in place of those of this moment.
    func question(
        _ caller: Caller, _ action: String, _ resource: String, given: [String: [String]]
    ) async throws -> Question {
        let service = action.prefix { $0 != ":" }.lowercased()
        if service == "sts", let role = PrincipalARN(resource), role.kind == .role, role.path != nil {
            return try await trust(caller, action, resource, given)
        }
        let (demand, notes) = try self.demand(action, service, resource)
        let (request, layers) = try await registry.access.gather(caller, demand, given: given)
        return Question(request: request, layers: layers, notes: notes)
    }

    private func demand(
        _ action: String, _ service: String, _ resource: String
    ) throws(Refusal) -> (AccessDemand, notes: [String]) {
        let here = call.registry
        switch service {
        case "weir" where ECRActions.accountOperators.contains(String(action.dropFirst(5))):
            return (AccessDemand(action, on: .own(resource, in: here)), [])
        case "ecr", "weir":
            if resource == "*" { return (AccessDemand(action, on: .registry(here)), []) }
            let (name, home) = try repository(resource)
            return (AccessDemand(action, on: .repository(name, in: home)), [])
        case "kms":
            if resource == "*" { return (AccessDemand(action, on: .own(resource, in: here)), []) }
            return (AccessDemand(action, on: .key(KeyDemand(.named(resource), in: here))), [])
        case "secretsmanager":
            if resource == "*" { return (AccessDemand(action, on: .own(resource, in: here)), []) }
            return (AccessDemand(action, on: .secret(resource, in: here)), [])
        default: return (AccessDemand(action, on: .own(resource, in: here)), [])
        }
    }

    private func repository(_ text: String) throws(Refusal) -> (RepositoryName, RegistryID) {
        do {
            guard text.hasPrefix("arn:") else { return (try RepositoryName(text), call.registry) }
            let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 6, parts[2] == "ecr", parts[5].hasPrefix("repository/") else {
                throw NameError("resource", text, "is not the ARN of a repository")
            }
            let home = RegistryID(account: try AccountID(parts[4]), region: try Region(parts[3]))
            guard home.account == call.caller.account || call.caller.account == identity.accounts.home else {
                throw Refusal.invalidParameter("resource", "It is of another account")
            }
            return (try RepositoryName(String(parts[5].dropFirst("repository/".count))), home)
        } catch let error as NameError {
            throw Refusal.invalidParameter("resource", "It names no repository: \(error)")
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal.invalidParameter("resource", "It names no repository")
        }
    }

    // MARK: Roles

    /// A role's trust policy decides like a key's: it must allow the request itself.
    private func trust(
        _ caller: Caller, _ action: String, _ arn: String, _ given: [String: [String]]
    ) async throws -> Question {
        let name = try PrincipalName(arn, at: "resource", in: call.registry.account)
        guard name.account == call.caller.account || call.caller.account == identity.accounts.home else {
            throw Refusal.invalidParameter("resource", "It is of another account")
        }
        let (own, base) = try await registry.access.gather(
            caller, AccessDemand(action, on: .own(arn, in: call.registry)), given: given)
        var layers = base
        var context = own.context
        var notes: [String] = []
        if context["sts:RoleSessionName"].isEmpty { context["sts:RoleSessionName"] = ["weir-why"] }
        if let role = try await name.entity(records) {
            context.take(resourceTags: role.tags, of: "iam")
            for (key, values) in given { context[key] = values }
            if let trust = try await records.record(of: role).trust?.policy {
                layers.resource = [NamedPolicy(.resource("role trust policy"), trust)]
            } else {
                notes.append("The role's trust policy cannot be read: it admits no one.")
            }
        } else {
            notes.append("There is no such role. Who asks for it is told the same as where it does not trust them.")
        }
        return Question(
            request: AuthorizationRequest(
                caller: caller, action: action, resource: arn, owner: name.account, isStrict: true, context: context),
            layers: layers, notes: notes)
    }
}
