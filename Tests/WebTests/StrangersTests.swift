import Logging
import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirRegistry

import WeirServer
import WeirWeb

@Suite struct StrangerTallyTests {
    private func client(_ text: String) -> ClientGroup { ClientGroup(text: text) }

    @Test func theFirstFewAreToldAndTheRestIsSummedUp() {
        var tally = StrangerTally()
        let told = (0..<1_000).map { _ in tally.note(.login, from: client("10.0.0.1"), named: "10.0.0.1") }
        #expect(told.count { $0 } == StrangerTally.fewOfEach && told.prefix(StrangerTally.fewOfEach).allSatisfy { $0 })
        // Another client's failures are still logged one by one.
        let isAnotherTold = tally.note(.login, from: client("10.0.0.2"), named: "10.0.0.2")
        #expect(isAnotherTold)
        let sums = tally.takeSums()
        #expect(sums == [.init(doing: .login, address: "10.0.0.1", clients: 1, count: 1_000 - StrangerTally.fewOfEach)])
        let again = tally.takeSums()
        #expect(again.isEmpty)
        let isTold = tally.note(.login, from: client("10.0.0.1"), named: "10.0.0.1")
        #expect(isTold, "a new minute")
    }

    @Test func manyAddressesAreBoundedToo() {
        var tally = StrangerTally()
        var told = 0
        for number in 0..<20_000 {
            let address = "10.\(number >> 16).\(number >> 8 & 255).\(number & 255)"
            if tally.note(.login, from: client(address), named: address) { told += 1 }
        }
        #expect(told == StrangerTally.fewOfAll)
        let sums = tally.takeSums()
        #expect(sums.count == StrangerTally.lines + 1)
        #expect(sums.reduce(0) { $0 + $1.count } == 20_000 - told)
    }

    @Test func oneCustomerOfIPv6IsOneClient() {
        #expect(client("2001:db8:0:1::1") == client("2001:db8:0:1:ffff::2"))
        #expect(client("2001:db8:0:1::1") != client("2001:db8:0:2::1"))
        #expect(client("10.0.0.1") == client("::ffff:10.0.0.1") && client("10.0.0.1") != client("10.0.0.2"))
        #expect(client("no address") == ClientGroup(nil))
    }
}

@Suite struct StrangersTests {
    private final class Lines: LineSink {
        let kept = Mutex<[String]>([])
        func take(_ line: String) { kept.withLock { $0.append(line) } }
    }

    @Test func theSumIsAnAuditRecord() throws {
        let lines = Lines()
        let audit = AuditLog(sink: lines, clock: WallClock { Timestamp(seconds: 1_800_000_000) })
        let strangers = Strangers(logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        RequestOrigin.$current.withValue(RequestOrigin(address: "192.0.2.7")) {
            for _ in 0..<50 { _ = strangers.loginFailed() }
        }
        for _ in 0..<50 { _ = strangers.requestWasUnreadable(from: "192.0.2.7") }
        strangers.sumUp(audit)
        let records = try lines.kept.withLock { $0 }.map { try JSONValue(parsing: $0.utf8) }
        #expect(records.count == 1)
        #expect(records.first?["eventName"] == "FailedLogins" && records.first?["sourceIPAddress"] == "192.0.2.7")
        #expect(records.first?["serviceEventDetails"]?["count"] == 45)
    }
}
