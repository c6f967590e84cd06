import Fuzz

/// Runs its targets in turns, until its driver or a trap ends it.
struct Worker {
    let number: Int
    let chosen: [(place: Int, target: FuzzTarget)]
    let seed: UInt64
    let corpus: Corpus

    /// The length of each target's turn: fast targets get more runs.
    private static let turn = Duration.milliseconds(50)

    func run() -> Never {
        let recorder = corpus.recorder(of: number)
        var fuzzers = chosen.map { place, target in
            (place, Fuzzer(target, seed: seed &+ UInt64(number * 1_000 + place), kept: corpus.inputs(of: target.name)))
        }
        let clock = ContinuousClock()
        while true {
            for index in fuzzers.indices {
                let place = fuzzers[index].0, end = clock.now + Self.turn
                repeat {
                    if let new = fuzzers[index].1.step(before: { recorder.note($0, target: place) }) {
                        corpus.keep(new, of: fuzzers[index].1.target.name)
                    }
                } while clock.now < end
            }
        }
    }
}
