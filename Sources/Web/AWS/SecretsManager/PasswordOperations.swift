import WeirCore

/// Random passwords.
struct PasswordOperations: Sendable {
    var table: [AWSOperation] {
        [AWSOperation(.secretsmanager, "GetRandomPassword", may: .account) { try Self.password($0.input) }]
    }

    private static let lengths: ClosedRange<Int64> = 1...4_096
    private static let standardLength: Int64 = 32

    /// The characters of passwords, by type.
    private static let types: [(excludedBy: String, noun: String, characters: String)] = [
        ("ExcludeLowercase", "lowercase letter", "abcdefghijklmnopqrstuvwxyz"),
        ("ExcludeUppercase", "uppercase letter", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("ExcludeNumbers", "number", "0123456789"),
        ("ExcludePunctuation", "punctuation character", ##"!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"##),
    ]

    private static func password(_ input: Parameters) throws -> JSONValue {
        let length = Int(try input.optionalInteger("PasswordLength", lengths) ?? standardLength)
        let excluded = Set(try input.optionalString("ExcludeCharacters", length: 0...4_096) ?? "")
        var allowed: [(noun: String, characters: [Character])] = []
        for type in types where try !(input.optionalBool(type.excludedBy) ?? false) {
            allowed.append((type.noun, Array(type.characters).filter { !excluded.contains($0) }))
        }
        if try input.optionalBool("IncludeSpace") ?? false {
            allowed.append(("space", excluded.contains(" ") ? [] : [" "]))
        }
        guard let password = RandomPassword(length: length, of: allowed.map(\.characters)) else {
            throw Refusal(.invalidParameter, "The parameters leave no character that the password could be made of.")
        }
        guard try input.optionalBool("RequireEachIncludedType") ?? true else { return ["RandomPassword": .string(password.free)] }
        if let empty = allowed.first(where: \.characters.isEmpty) {
            throw Refusal(
                .invalidParameter,
                "ExcludeCharacters leaves no \(empty.noun). Exclude that type of character, or set RequireEachIncludedType to false."
            )
        }
        guard length >= allowed.count else {
            throw Refusal(.invalidParameter, "Password length \(length) is too short based on the required types.")
        }
        return ["RandomPassword": .string(password.ofEachType)]
    }
}

/// Makes passwords of a given length, from the system's source of randomness.
private struct RandomPassword {
    let length: Int
    let types: [[Character]]
    private let all: [Character]

    /// Nil where no character is left.
    init?(length: Int, of types: [[Character]]) {
        self.length = length
        self.types = types
        all = types.flatMap { $0 }
        if all.isEmpty { return nil }
    }

    /// A password of independently chosen characters.
    var free: String { String((0..<length).compactMap { _ in all.randomElement() }) }

    /// A password with at least one character of each type, at random places. No type may be empty.
    var ofEachType: String {
        let required = types.compactMap { $0.randomElement() }
        let rest = (0..<max(0, length - required.count)).compactMap { _ in all.randomElement() }
        return String((required + rest).shuffled())
    }
}
