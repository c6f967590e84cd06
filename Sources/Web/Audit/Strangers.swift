package import Logging
import Metrics
import Synchronization
import WeirCore
package import WeirServer

/// Requests without a proved caller: failed logins and malformed requests, counted by the client's address.
///
/// Any client that reaches the port can send any number of them, and would fill the log and the audit file, which often share a
/// volume with the data. So in each minute the first few of an address are logged one by one, and the rest in one line.
package final class Strangers: Sendable {
    private let tally: Mutex<StrangerTally>
    private let failedLogins = Counter(label: "weir_failed_logins_total")
    private let logger: Logger

    /// - Parameter logger: where the summaries go.
    package init(logger: Logger) {
        self.logger = logger
        tally = Mutex(StrangerTally())
    }

    /// Counts a failed login. False where it is to be reported by `sumUp()` with others, and belongs into neither log nor audit.
    package func loginFailed() -> Bool {
        failedLogins.increment()
        return isToldAlone(.login, RequestOrigin.current.address)
    }

    /// Counts a request that could not be parsed. False as for a login.
    package func requestWasUnreadable(from address: String?) -> Bool { isToldAlone(.unreadable, address) }

    private func isToldAlone(_ doing: StrangerTally.Doing, _ address: String?) -> Bool {
        tally.withLock { $0.note(doing, from: ClientGroup(text: address), named: address) }
    }

    /// Logs a sum of all that was not logged alone since the last call. To be called once a minute, and at the end.
    ///
    /// - Parameter audit: gets one record for each logged line about failed logins.
    package func sumUp(_ audit: AuditLog) {
        for sum in tally.withLock({ $0.takeSums() }) {
            let address = sum.address ?? "\(sum.clients) addresses"
            let facts: Logger.Metadata = ["client.address": "\(address)", "count": .stringConvertible(sum.count)]
            switch sum.doing {
            case .login:
                logger.notice("More failed logins, not told one by one", metadata: facts)
                audit.note(failedLogins: sum.count, from: address)
            case .unreadable: logger.notice("More requests that cannot be parsed, not told one by one", metadata: facts)
            }
        }
    }
}

/// The counting behind `Strangers`: pure and bounded. `takeSums` begins anew.
package struct StrangerTally {
    package enum Doing: Hashable, Sendable { case login, unreadable }

    /// The contents of one line.
    package struct Sum: Equatable, Sendable {
        package let doing: Doing
        /// Nil for the sum over many.
        package let address: String?
        package let clients: Int
        package let count: Int

        package init(doing: Doing, address: String?, clients: Int, count: Int) {
            self.doing = doing
            self.address = address
            self.clients = clients
            self.count = count
        }
    }

    /// Logged alone, of one client, between two sums.
    package static let fewOfEach = 5
    /// Logged alone, of all clients together.
    package static let fewOfAll = 100
    /// Clients that are counted one by one.
    package static let most = 4_096
    /// Clients that get a line of their own in the sums: those with the highest counts.
    package static let lines = 10

    private struct Key: Hashable {
        let doing: Doing
        let client: ClientGroup
    }

    private struct Entry {
        let address: String
        var toldAlone = 0
        var rest = 0
    }

    private var entries: [Key: Entry] = [:]
    private var toldAlone = 0
    /// Counts of the clients that are not counted one by one.
    private var beyond: [Doing: Int] = [:]

    package init() {}

    /// True where it is to be logged alone.
    package mutating func note(_ doing: Doing, from client: ClientGroup, named address: String?) -> Bool {
        let key = Key(doing: doing, client: client)
        guard entries[key] != nil || entries.count < Self.most else {
            beyond[doing, default: 0] += 1
            return false
        }
        let mayBeAlone = toldAlone < Self.fewOfAll
        let isAlone = { (entry: inout Entry) in
            let isAlone = mayBeAlone && entry.toldAlone < Self.fewOfEach
            if isAlone { entry.toldAlone += 1 } else { entry.rest += 1 }
            return isAlone
        }(&entries[key, default: Entry(address: address ?? "unknown")])
        if isAlone { toldAlone += 1 }
        return isAlone
    }

    /// What was not logged alone, the highest counts first. Begins anew.
    package mutating func takeSums() -> [Sum] {
        defer { self = StrangerTally() }
        var sums: [Sum] = []
        for doing in [Doing.login, .unreadable] {
            let quiet = entries.filter { $0.key.doing == doing && $0.value.rest > 0 }.map(\.value).sorted { $0.rest > $1.rest }
            sums += quiet.prefix(Self.lines).map { Sum(doing: doing, address: $0.address, clients: 1, count: $0.rest) }
            let others = quiet.dropFirst(Self.lines)
            let count = others.reduce(beyond[doing] ?? 0) { $0 + $1.rest }
            if count > 0 { sums.append(Sum(doing: doing, address: nil, clients: max(others.count, 1), count: count)) }
        }
        return sums
    }
}
