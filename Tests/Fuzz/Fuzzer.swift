/// Runs one target again and again on changed inputs, and keeps those that did something new.
package struct Fuzzer {
    /// More are not kept: the oldest finds give way.
    private static let most = 2_000

    package let target: FuzzTarget
    /// What has been found to differ, seeds included.
    package private(set) var corpus: [[UInt8]]
    private var seen: Set<Outcome> = []
    private var mutator: Mutator

    /// `kept`: the corpus of an earlier run.
    package init(_ target: FuzzTarget, seed: UInt64, kept: [[UInt8]] = []) {
        self.target = target
        mutator = Mutator(seed: seed)
        corpus = target.seeds
        // None of them has been run in this process yet: those whose outcome is known already are not kept again.
        waiting = target.seeds + kept
    }

    private var waiting: [[UInt8]]

    /// Runs the target once. `before` sees the input first: should the process end, it is known. The result is the input, where
    /// it was new.
    package mutating func step(before: ([UInt8]) -> Void = { _ in }) -> [UInt8]? {
        let input = waiting.popLast() ?? mutator.change(mutator.pick(corpus), words: target.words, others: corpus)
        before(input)
        guard seen.insert(target.run(input)).inserted else { return nil }
        if corpus.count >= Self.most { corpus.remove(at: target.seeds.count) }
        corpus.append(input)
        return input
    }
}
