import Testing
import WeirCore

@Suite struct WaitingLinesTests {
    @Test func whatDoesNotFitIsDroppedAndTold() {
        var waiting = WaitingLines(capacity: 10_000)
        let kept = (0..<1_000).filter { waiting.put("line \($0)") }
        #expect(kept.count < 1_000 && kept == Array(0..<kept.count), "the beginning is kept")
        let batch = waiting.take()
        #expect(batch?.lines.count == kept.count && batch?.dropped == 1_000 - kept.count)
        #expect(waiting.take() == nil)
        let isKept = waiting.put("again")
        #expect(isKept && waiting.take()?.lines == ["again"])
    }

    @Test func oneLineThatIsTooLongIsDropped() {
        var waiting = WaitingLines(capacity: 1_000)
        let isKept = waiting.put(String(repeating: "x", count: 1_000))
        #expect(!isKept && waiting.take()?.dropped == 1)
    }

    @Test func emptyLinesAreNotFree() {
        var waiting = WaitingLines(capacity: 10_000)
        let kept = (0..<10_000).count { _ in waiting.put("") }
        #expect(kept < 1_000)
    }
}

@Suite struct LogTextTests {
    @Test(
        "Text that would be two lines, or move a cursor",
        arguments: [
            ("plain äöü 漢字", "plain äöü 漢字"), ("a\nb", "a\\u{a}b"), ("a\r\nb", "a\\u{d}\\u{a}b"), ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{7f}\u{85}\u{9b}", "\\u{7f}\\u{85}\\u{9b}"), ("\u{2028}\u{2029}\u{202e}", "\\u{2028}\\u{2029}\\u{202e}"),
            ("\u{0}\t", "\\u{0}\\u{9}"), ("a\\u{a}", "a\\\\u{a}"),
        ])
    func escaped(text: String, shown: String) { #expect(LogText.escaped(text) == shown) }
}
