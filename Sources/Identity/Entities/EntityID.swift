/// IAM's unique ids, and the ids of access keys.
package enum EntityID {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    /// A new id: the kind's four letters, then 17 of `A-Z2-7`.
    package static func new(_ kind: EntityKind) -> String { kind.idPrefix + random(17) }

    /// The id that these bytes stand for, always the same: the kind's four letters, then one of `A-Z2-7` for each.
    static func of(_ kind: EntityKind, _ bytes: some Sequence<UInt8>) -> String {
        kind.idPrefix + String(decoding: bytes.map { alphabet[Int($0 & 31)] }, as: UTF8.self)
    }

    /// `count` characters of `A-Z2-7`, from the system's generator.
    package static func random(_ count: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        return String(decoding: (0..<count).map { _ in alphabet.randomElement(using: &generator) ?? alphabet[0] }, as: UTF8.self)
    }

    /// True of a text that has the form of a user's, role's or another entity's id.
    package static func isID(_ text: String) -> Bool {
        text.utf8.count == 21 && text.utf8.allSatisfy { alphabet.contains($0) }
    }
}
