import Testing
import WeirCore

@Suite struct TraceTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func aChildStaysInTheTraceAndHasASpanOfItsOwn() throws {
        let given = try #require(TraceContext(traceparent: Self.parent, tracestate: "vendor=1"))
        #expect(given.traceID == "4bf92f3577b34da6a3ce929d0e0e4736" && given.spanID == "00f067aa0ba902b7")
        #expect(given.traceparent == Self.parent)
        let child = given.child()
        #expect(child.traceID == given.traceID && child.spanID != given.spanID && child.state == "vendor=1")
        #expect(TraceContext(traceparent: child.traceparent)?.spanID == child.spanID)
        #expect(child.traceparent.hasSuffix("-01"))
    }

    @Test(
        "What W3C says to ignore is ignored",
        arguments: [
            "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", "zz-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ])
    func ignored(header: String) {
        #expect(TraceContext(traceparent: header) == nil)
    }

    @Test func aLaterVersionMayHaveMoreParts() throws {
        let context = try #require(TraceContext(traceparent: "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-more"))
        #expect(context.traceparent == Self.parent, "what is sent on is of the version that is understood")
    }

    @Test func aStateThatMayNotBeHandedOnIsNot() {
        let parent = Self.parent
        #expect(TraceContext(traceparent: parent, tracestate: String(repeating: "a", count: 513))?.state == nil)
        #expect(TraceContext(traceparent: parent, tracestate: "a=1\r\nX: y")?.state == nil)
        #expect(TraceContext(traceparent: parent, tracestate: "")?.state == nil)
    }

    @Test(
        "A moment is written as it is read",
        arguments: [
            "1970-01-01T00:00:00Z", "2000-02-29T23:59:59Z", "2026-11-22T03:04:05Z", "1969-12-31T23:59:59Z",
            "2100-03-01T00:00:00Z",
        ])
    func moments(text: String) throws {
        #expect(try #require(Timestamp(iso8601: text)).iso8601 == text)
    }

    @Test func randomNamesAreUUIDsOfVersionFour() {
        let names = Set((0..<500).map { _ in RandomID.uuid() })
        #expect(names.count == 500)
        for name in names {
            #expect(name.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil, "\(name)")
        }
    }
}
