import WeirText

/// Which distributed trace the current work belongs to: W3C Trace Context, version 00.
///
/// A request that brings a trace runs with it bound, in a span of ours. Logs name it as `trace.id`, and upstream requests carry
/// `current.traceparent` and `current.state`. Work that serves many requests (a fill, a revalidation) belongs to the request that
/// started it. A request without a trace starts none: this server records no traces.
package struct TraceContext: Sendable, Hashable {
    /// Nil for housekeeping, and for requests that brought none.
    @TaskLocal package static var current: TraceContext?

    /// 32 lower-case hexadecimal digits, not all zero.
    package let traceID: String
    /// The span of the current work or of its caller: 16 lower-case hexadecimal digits, not all zero.
    package let spanID: String
    /// The lowest bit is set if a tracer records this trace.
    package let flags: UInt8
    /// The `tracestate`, passed on as it came: nil if it is absent or longer than may be passed on.
    package let state: String?

    /// Reads `traceparent` and, if present, `tracestate`. Nil for values that W3C says must be ignored.
    package init?(traceparent: String, tracestate: String? = nil) {
        let parts = traceparent.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, let version = Self.hex(parts[0], 2), version != "ff",
            // Version 00 has four parts; a later version begins with the same four and may have more.
            version != "00" || parts.count == 4,
            let trace = Self.hex(parts[1], 32), trace.contains(where: { $0 != "0" }),
            let span = Self.hex(parts[2], 16), span.contains(where: { $0 != "0" }),
            let flags = Self.hex(parts[3], 2).flatMap({ UInt8($0, radix: 16) })
        else { return nil }
        traceID = trace
        spanID = span
        self.flags = flags & 1
        state = tracestate.flatMap { Self.isHandedOn($0) ? $0 : nil }
    }

    private init(traceID: String, spanID: String, flags: UInt8, state: String?) {
        self.traceID = traceID
        self.spanID = spanID
        self.flags = flags
        self.state = state
    }

    /// The same trace, with a span of our own.
    package func child() -> TraceContext {
        TraceContext(traceID: traceID, spanID: Self.digits(), flags: flags, state: state)
    }

    /// The header's value.
    package var traceparent: String { "00-\(traceID)-\(spanID)-0\(flags)" }

    private static let maxState = 512

    private static func isHandedOn(_ state: String) -> Bool {
        !state.isEmpty && state.utf8.count <= maxState && state.utf8.allSatisfy { (0x20...0x7e).contains($0) }
    }

    private static func hex(_ text: Substring, _ count: Int) -> String? {
        let isHex = text.utf8.count == count && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        return isHex ? String(text) : nil
    }

    /// 16 random digits, not all zero.
    private static func digits() -> String { UInt64.random(in: 1...UInt64.max).padded(to: 16, radix: 16) }
}
