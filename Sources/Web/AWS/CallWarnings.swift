import Logging
import Synchronization
import WeirCore

/// Facts that a caller should know although the call succeeded: sent in the answer's headers, and logged.
package final class CallWarnings: Sendable {
    /// One header each: `x-weir-warning`.
    static let header = "x-weir-warning"
    private static let most = 10

    private let texts = Mutex<[String]>([])

    package init() {}

    /// Adds a warning: ten at most, each of 400 characters at most, on one line.
    func add(_ text: String) {
        let line = String(decoding: text.utf8.prefix(400).map { (0x20...0x7e).contains($0) ? $0 : 0x3f }, as: UTF8.self)
        texts.withLock { if $0.count < Self.most { $0.append(line) } }
    }

    /// As they are sent.
    package var all: [String] { texts.withLock { $0 } }
}

extension AWSCall {
    /// Warns the author of an accepted policy about those of its conditions that no request can ever meet.
    ///
    /// - Parameter place: what the policy belongs to, as in "the policy of the repository app".
    func warn(about policy: String?, of place: String, as grammar: PolicyGrammar = .resource) {
        guard let policy, let document = try? PolicyDocument(policy, as: grammar, maxLength: 131_072) else { return }
        let unfilled = unfilled(in: document)
        for key in unfilled { warnings.add(key.warning) }
        guard !unfilled.isEmpty else { return }
        Logger.current.warning(
            "A policy names condition keys that no request to this server has",
            metadata: [
                "policy.place": "\(place)", "policy.keys": "\(Set(unfilled.map(\.key)).sorted().joined(separator: ", "))",
                "account": "\(registry.account)",
            ])
    }

    private func unfilled(in document: PolicyDocument) -> [PolicyDocument.UnfilledKey] {
        let organization: Set = ["aws:principalorgid", "aws:resourceorgid"]
        return document.unfilledKeys.filter { !settings.hasOrganization || !organization.contains($0.key) }
    }

    /// Refuses a policy with conditions that no request can ever meet, where the server's settings say so (`--strict-policies`).
    func refuseUnfilled(_ policy: String?) throws(Refusal) {
        guard settings.refusesUnfilledKeys, let policy, let document = try? PolicyDocument(policy, maxLength: 131_072),
            let unfilled = unfilled(in: document).first
        else { return }
        throw Refusal(.invalidParameter, "\(unfilled.warning) This server refuses such policies (strict-policies).")
    }

    /// Warns a policy's author, beside the answer, and the operator in the log.
    func warn(_ text: String, about place: String) {
        warnings.add(text)
        Logger.current.warning("\(text)", metadata: ["policy.place": "\(place)", "account": "\(registry.account)"])
    }
}
