import Testing
import WeirCore

@Suite struct StoreBondTests {
    private static let id = "00112233445566778899aabbccddeeff"
    private static let other = StoreMark(id: "ffeeddccbbaa99887766554433221100", count: 3)
    private static let new = StoreMark(id: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", count: 0)

    private static func at(_ count: Int64?) -> StoreMark? { count.map { StoreMark(id: id, count: $0) } }

    /// The database's mark, the store's mark, whether there are rows and files, and the doubt.
    static let doubts: [(Int64?, Int64?, Bool, Bool, StoreBond.Doubt?)] = [
        // A first start, a start that ended half-way, and a folder from before there were marks.
        (nil, nil, false, false, nil), (nil, 0, false, false, nil), (nil, nil, true, true, nil), (nil, 0, true, true, nil),
        // No marks yet: rows and files decide.
        (nil, nil, false, true, .emptyDatabase), (nil, nil, true, false, .otherStore), (nil, 0, false, true, .emptyDatabase),
        // The store has been used, and the database has no record of it.
        (nil, 7, false, true, .emptyDatabase), (nil, 7, true, true, .olderDatabase), (nil, 7, true, false, .otherStore),
        (nil, 7, false, false, nil),
        // An everyday start, a crash between the two steps, a store from a backup.
        (7, 7, true, true, nil), (8, 7, true, true, nil), (70, 7, true, true, nil), (7, 7, false, false, nil),
        // A database from a backup, and an empty one.
        (6, 7, true, true, .olderDatabase), (6, 7, false, true, .emptyDatabase),
        // The store is missing.
        (7, nil, true, true, .otherStore), (7, nil, false, false, .otherStore), (1, nil, true, true, .otherStore),
    ]

    @Test(arguments: doubts)
    func whatCannotBeToldApartIsDoubted(
        recorded: Int64?, found: Int64?, hasRows: Bool, hasFiles: Bool, doubt: StoreBond.Doubt?
    ) {
        let bond = StoreBond(recorded: Self.at(recorded), found: Self.at(found), hasRows: hasRows, hasFiles: hasFiles)
        #expect(bond.doubt == doubt)
        let last = max(recorded ?? 0, found ?? 0)
        switch bond.verdict(accepting: [], new: Self.new) {
        case .doubtful(let told): #expect(told == doubt)
        case .together(let next, let isStoreOlder):
            #expect(doubt == nil && next.count == last + 1)
            #expect(isStoreOlder == (recorded == 70))
        }
        for accepted in StoreBond.Doubt.allCases where doubt != nil {
            let isTaken = bond.verdict(accepting: [accepted], new: Self.new) != .doubtful(accepted)
            if accepted == doubt {
                #expect(isTaken)
            } else {
                #expect(bond.verdict(accepting: [accepted], new: Self.new) == bond.verdict(accepting: [], new: Self.new))
            }
        }
    }

    @Test func anotherStoreIsToldFromTheRightOne() {
        let bond = StoreBond(recorded: Self.at(7), found: Self.other, hasRows: true, hasFiles: true)
        #expect(bond.verdict(accepting: [.olderDatabase, .emptyDatabase], new: Self.new) == .doubtful(.otherStore))
        let next = StoreMark(id: Self.other.id, count: 8)
        #expect(bond.verdict(accepting: [.otherStore], new: Self.new) == .together(next: next, isStoreOlder: false))
    }

    @Test func aStoreInTheOldOnesPlaceGetsANameOfItsOwn() {
        let bond = StoreBond(recorded: Self.at(7), found: nil, hasRows: true, hasFiles: false)
        let next = StoreMark(id: Self.new.id, count: 8)
        #expect(bond.verdict(accepting: [.otherStore], new: Self.new) == .together(next: next, isStoreOlder: false))
    }

    @Test func aMarkIsReadAsItWasWritten() {
        let mark = StoreMark(id: Self.id, count: 42)
        #expect(StoreMark(mark.description) == mark)
        #expect(StoreMark(id: Self.id, count: .max).next.count == .max)
        for text in [
            "", Self.id, "\(Self.id).", "\(Self.id).-1", "\(Self.id).x", "\(Self.id).1.2", "short.1",
            "\(Self.id).9223372036854775808",
        ] {
            #expect(StoreMark(text) == nil, "\(text)")
        }
        #expect(StoreMark.new() != StoreMark.new() && StoreMark.new().count == 0)
    }
}
