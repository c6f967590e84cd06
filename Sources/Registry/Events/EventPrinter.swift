package import WeirCore

/// Puts events into EventBridge's envelope, and hands each as one line of JSON to all sinks.
package struct EventPrinter: EventSink {
    private let sinks: [any LineSink]
    private let clock: WallClock
    private let newID: @Sendable () -> String

    package init(
        _ sinks: [any LineSink], clock: WallClock, newID: @escaping @Sendable () -> String = { RandomID.uuid() }
    ) {
        self.sinks = sinks
        self.clock = clock
        self.newID = newID
    }

    package func emit(_ event: Event) {
        let line = Self.line(event, id: newID(), at: clock.now)
        for sink in sinks { sink.take(line) }
    }

    static func line(_ event: Event, id: String, at time: Timestamp) -> String {
        var text = ""
        EventValue.members([
            "version": "0", "id": .string(id), "detail-type": .string(event.detailType.text), "source": "aws.ecr",
            "account": "\(event.registry.account)", "time": .string(time.iso8601), "region": "\(event.registry.region)",
            "resources": .strings(event.resources), "detail": .object(event.detail),
        ]).write(to: &text)
        return text
    }
}
