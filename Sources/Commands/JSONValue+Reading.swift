import WeirCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads members of the server's answers.
extension JSONValue {
    func text(of name: String) -> String? {
        guard case .string(let text)? = self[name] else { return nil }
        return text
    }

    func number(of name: String) -> Double? {
        switch self[name] {
        case .integer(let number)?: Double(number)
        case .number(let number)?: number
        default: nil
        }
    }

    func count(of name: String) -> Int64 { number(of: name).map { Int64(saturating: $0) } ?? 0 }

    func flag(_ name: String) -> Bool { self[name] == .bool(true) }

    func list(_ name: String) -> [JSONValue] {
        guard case .array(let values)? = self[name] else { return [] }
        return values
    }

    func texts(_ name: String) -> [String] {
        list(name).compactMap { value in
            if case .string(let text) = value { text } else { nil }
        }
    }

    /// A time for people: `2026-01-02 03:04:05`, in UTC.
    func moment(of name: String) -> String? {
        number(of: name).map { seconds in
            Date(timeIntervalSince1970: seconds).formatted(
                .iso8601.year().month().day().dateSeparator(.dash).dateTimeSeparator(.space).time(
                    includingFractionalSeconds: false))
        }
    }
}
