import WeirCore

/// IAM's combination of layers once more, for comparison: as a list of the layers that must allow, by who asks for whose
/// resource.
struct SlowAuthorizer {
    enum Says: CaseIterable { case silent, allow, deny }

    /// One point of the table.
    struct Question {
        let kind: String
        let isHome: Bool
        let isStrict: Bool
        let resourceDenies: Bool
        /// none, account, role, everyone, direct
        let named: String
        let identity: Says
        let boundary: Says?
        let session: Says?
    }

    static let kinds = ["root", "user", "session", "federated", "federatedByRoot", "service", "anonymous", "webIdentity"]
    static let strengths = ["none", "account", "role", "everyone", "direct"]

    static func answer(_ question: Question) -> String {
        let speakers: [(String, Says?)] = [
            ("resource", question.resourceDenies ? .deny : question.named == "none" ? .silent : .allow),
            ("identity", question.identity), ("boundary", question.boundary), ("session", question.session),
        ]
        if let denier = speakers.first(where: { $0.1 == .deny }) { return "explicitDeny(\(denier.0))" }
        for layer in needed(question) {
            let says = speakers.first { $0.0 == layer }?.1
            // A layer that the caller does not have limits nothing.
            if says == .silent { return "implicitDeny(\(layer))" }
            if layer == "never" { return "implicitDeny(resource)" }
        }
        return "allow"
    }

    /// The layers that must allow, in the order in which they are told. `never`: no layer can.
    private static func needed(_ question: Question) -> [String] {
        let own = ["identity", "boundary", "session"]
        let limits = ["boundary", "session"]
        switch (question.kind, question.named) {
        case ("anonymous", "everyone"), ("webIdentity", "direct"): return []
        case ("anonymous", _), ("webIdentity", _): return ["never"]
        default: break
        }
        let isRooted = question.kind.hasSuffix("oot")
        if !question.isHome { return ["resource"] + (isRooted ? limits : own) }
        if question.named == "everyone" || question.named == "direct" { return [] }
        if question.kind == "root" {
            // A root has no boundary. Where its session is limited, that limits it.
            let limit = question.session == .silent ? limits : ["session"]
            return (question.isStrict ? ["resource"] : []) + limit
        }
        if question.named == "role" { return limits }
        return (question.isStrict ? ["resource"] : []) + (isRooted ? limits : own)
    }
}
