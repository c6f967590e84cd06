import HTTPTypes
import Testing
import WeirCore
import WeirServer
import WeirWeb

/// What a refusal says in HTTP/1.1's status line, by which most container clients tell people why they were refused.
@Suite struct RefusalPhraseTests {
    @Test("Every refusal of the registry's door says its cause there", arguments: Refusal.Reason.allCases)
    func everyReason(reason: Refusal.Reason) {
        let error = DistributionError(Refusal(reason, "why it is so"))
        #expect(error.phrase == "why it is so")
        let line = error.status.saying(error.phrase).reasonPhrase
        #expect(line.hasSuffix("why it is so"))
        // The standard phrase comes first, since logs are searched for it.
        #expect(line.hasPrefix(error.status.reasonPhrase) && !error.status.reasonPhrase.isEmpty)
    }

    @Test func aBriefCauseWins() {
        #expect(DistributionError(Refusal(.upstreamUnavailable, "long", brief: "short")).phrase == "short")
    }
}
