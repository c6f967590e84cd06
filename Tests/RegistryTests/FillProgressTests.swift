import Testing
import WeirRegistry

@Suite struct FillProgressTests {
    @Test func readersWaitUntilTheirBytesHaveLanded() {
        var progress = FillProgress()
        #expect(progress.answerForHead() == .wait && progress.answer(at: 0) == .wait)
        progress.answered(size: 100)
        #expect(progress.answerForHead() == .head(size: 100) && progress.answer(at: 0) == .wait)
        progress.landed(60)
        #expect(progress.answer(at: 59) == .readable(upTo: 60, size: 100) && progress.answer(at: 60) == .wait)
        progress.stored(size: 100)
        #expect(progress.answer(at: 60) == .stored(size: 100) && progress.answerForHead() == .stored(size: 100))
    }

    @Test func aFailureReachesEveryReaderAndIsFinal() {
        var progress = FillProgress()
        progress.answered(size: nil)
        progress.landed(10)
        progress.failed()
        #expect(progress.answer(at: 0) == .failed && progress.answerForHead() == .failed)
        progress.stored(size: 10)
        progress.landed(20)
        #expect(progress.state == .failed)
    }

    @Test func whatIsStoredCannotFailAnyMore() {
        var progress = FillProgress()
        progress.answered(size: 5)
        progress.stored(size: 5)
        progress.failed()
        #expect(progress.state == .stored(size: 5))
    }

    @Test func landedNeverGoesBack() {
        var progress = FillProgress()
        progress.landed(10)
        #expect(progress.state == .asking)
        progress.answered(size: nil)
        progress.landed(10)
        progress.landed(5)
        #expect(progress.answer(at: 9) == .readable(upTo: 10, size: nil))
    }
}
