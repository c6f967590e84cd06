package import WeirCore
import WeirRegistry

/// Records the calls of both doors, where the settings ask for it.
package struct AuditLog: Sendable {
    /// Writes nothing.
    package static let none = AuditLog(sink: nil, clock: WallClock { Timestamp(seconds: 0) })

    private let sink: (any LineSink)?
    private let clock: WallClock

    package init(sink: (any LineSink)?, clock: WallClock) {
        self.sink = sink
        self.clock = clock
    }

    /// Makes no record where there is no sink.
    func note(_ record: @autoclosure () -> AuditRecord?) {
        guard let sink, let record = record() else { return }
        let account = record.assumedAccount
        let sharedID = account.map { _ in RandomID.uuid() }
        let document = record.document(id: RandomID.uuid(), at: clock.now, from: .current, sharedID: sharedID)
        sink.take(document.text)
        if let account { sink.take(record.document(of: account, document, id: RandomID.uuid()).text) }
    }

    /// Records failed logins of one address that have no record each, since there were too many.
    func note(failedLogins count: Int, from address: String) {
        guard let sink else { return }
        sink.take(
            JSONValue.members([
                "eventVersion": "1.11", "userIdentity": ["type": "Unknown"], "eventTime": .string(clock.now.iso8601),
                "eventSource": "ecr.amazonaws.com", "eventName": "FailedLogins", "sourceIPAddress": .string(address),
                "eventID": .string(RandomID.uuid()), "readOnly": true, "eventType": "AwsServiceEvent",
                "managementEvent": true, "serviceEventDetails": ["count": .integer(Int64(count))],
                "eventCategory": "Management",
            ]).text)
    }
}
