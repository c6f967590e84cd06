/// Runs one target again and again on changed inputs, and keeps those with a new outcome.
package struct Fuzzer {
    /// The largest corpus: the oldest finds are dropped.
    private static let most = 2_000

    package let target: FuzzTarget
    /// Inputs with different outcomes, seeds included.
    package private(set) var corpus: [[UInt8]]
    private var seen: Set<Outcome> = []
    private var mutator: Mutator

    /// `kept`: the corpus of an earlier run.
    package init(_ target: FuzzTarget, seed: UInt64, kept: [[UInt8]] = []) {
        self.target = target
        mutator = Mutator(seed: seed)
        corpus = target.seeds
        // None of them has been run in this process yet. Those with a known outcome are not kept again.
        waiting = target.seeds + kept
    }

    private var waiting: [[UInt8]]

    /// Runs the target once. `before` gets the input first, so that it is known should the process end. Returns the input where
    /// its outcome was new.
    package mutating func step(before: ([UInt8]) -> Void = { _ in }) -> [UInt8]? {
        let input = waiting.popLast() ?? mutator.change(mutator.pick(corpus), words: target.words, others: corpus)
        before(input)
        guard seen.insert(target.run(input)).inserted else { return nil }
        if corpus.count >= Self.most { corpus.remove(at: target.seeds.count) }
        corpus.append(input)
        return input
    }
}
