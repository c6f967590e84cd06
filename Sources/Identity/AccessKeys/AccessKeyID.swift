package import WeirCore

/// The ids of access keys. An id tells its account, in the form that AWS's have and that tools decode:
///
///     4   AKIA: a long-lived key; ASIA: a session's
///     8   base 32 (A-Z2-7) of five bytes: half of the account's number, rounded down, and 2^39 more
///     1   one of A-P where the account's number is even, else one of Q-Z2-7
///     7   random
package enum AccessKeyID {
    package static let longLived = "AKIA"
    package static let temporary = "ASIA"

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
    private static let offset: UInt64 = 1 << 39
    private static let size = 20

    /// A new id, from the system's generator.
    ///
    /// - Parameter prefix: `AKIA` or `ASIA`.
    package static func new(_ prefix: String, in account: AccountID) -> String {
        let number = UInt64(account.description) ?? 0
        let coded = offset.adding(number / 2)
        var text = Array(prefix.utf8)
        for place in 0..<8 { text.append(alphabet[Int((coded >> UInt64(35 - 5 * place)) & 31)]) }
        var generator = SystemRandomNumberGenerator()
        let half = Int.random(in: 0..<16, using: &generator)
        text.append(alphabet[number % 2 == 0 ? half : half + 16])
        return String(decoding: text, as: UTF8.self) + EntityID.random(7)
    }

    /// True of the id of temporary credentials, by its form alone.
    package static func isTemporary(_ id: String) -> Bool { id.utf8.starts(with: temporary.utf8) }

    /// The account in an id; nil of a text that is none, or an id that was not made so.
    package static func account(of id: String) -> AccountID? {
        let bytes = Array(id.utf8)
        guard bytes.count == size, bytes.starts(with: longLived.utf8) || bytes.starts(with: temporary.utf8) else { return nil }
        var coded: UInt64 = 0
        for byte in bytes[4..<12] {
            guard let digit = alphabet.firstIndex(of: byte) else { return nil }
            coded = coded << 5 | UInt64(digit)
        }
        guard let parity = alphabet.firstIndex(of: bytes[12]), coded >= offset else { return nil }
        let number = (coded - offset) * 2 + (parity < 16 ? 0 : 1)
        guard number < 1_000_000_000_000 else { return nil }
        let text = String(number)
        return try? AccountID(String(repeating: "0", count: 12 - text.utf8.count) + text)
    }
}
