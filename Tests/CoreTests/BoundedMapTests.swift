import Testing
import WeirCore

@Suite struct BoundedMapTests {
    @Test func itHoldsNoMoreThanItsCapacityAndTheNewest() {
        var map = BoundedMap<Int, Int>(capacity: 10)
        for key in 0..<1_000 {
            map[key] = key
            #expect(map.count <= 10)
            for young in max(0, key - 4)...key { #expect(map[young] == young) }
        }
    }

    @Test func whatIsReadStays() {
        var map = BoundedMap<Int, Int>(capacity: 10)
        map[-1] = 7
        for key in 0..<1_000 {
            map[key] = key
            #expect(map[-1] == 7)
        }
    }

    @Test func whatIsWrittenAgainIsHeldOnce() {
        var map = BoundedMap<Int, Int>(capacity: 4)
        for round in 0..<100 {
            map[round % 3] = round
            #expect(map[round % 3] == round)
            #expect(map.count <= 3)
        }
        map[0, default: 0] += 1
        #expect(map[0] == 100)
        map[9, default: 5] += 1
        #expect(map[9] == 6)
    }

    @Test func whatIsRemovedIsGoneFromBothHalves() {
        var map = BoundedMap<Int, Int>(capacity: 4)
        for key in 0..<4 { map[key] = key }
        for key in 0..<4 { map[key] = nil }
        #expect(map.isEmpty && map.count == 0)
        for key in 0..<4 { map[key] = key }
        map.removeAll { $0.isMultiple(of: 2) }
        #expect(map[0] == nil && map[2] == nil && map[1] == 1 && map[3] == 3)
        map.removeAll()
        #expect(map.isEmpty)
    }

    @Test("No order of reads, writes and removals loses count of the cost")
    func cost() {
        var map = BoundedMap<Int, Int>(capacity: 100) { $0 }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let key = Int.random(in: 0..<40, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: map[key] = nil
            case 1: _ = map[key]
            default:
                let value = Int.random(in: 1...60, using: &random)
                map[key] = value
                // What would take more than half is not kept.
                #expect(map[key] == (value <= 50 ? value : nil))
            }
            var copy = map
            #expect((0..<40).compactMap { copy[$0] }.reduce(0, +) <= 100)
        }
    }
}
