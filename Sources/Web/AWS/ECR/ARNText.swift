import WeirCore

/// An ARN, split at its colons. Its partition is checked: `arn:aws(-[a-z]+)*:SERVICE:REGION:ACCOUNT:RESOURCE`.
struct ARNText {
    let service: String
    let region: String
    let account: String
    /// May have colons of its own.
    let resource: String

    init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, parts[0] == "arn", Self.isPartition(parts[1]) else { return nil }
        (service, region, account, resource) = (parts[2], parts[3], parts[4], parts[5])
    }

    private static func isPartition(_ text: String) -> Bool {
        let words = text.split(separator: "-", omittingEmptySubsequences: false)
        return words[0] == "aws"
            && words.dropFirst().allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x61...0x7a).contains($0) } }
    }
}

/// The character classes of the model's patterns.
enum ASCII {
    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte) }
    static func isLetter(_ byte: UInt8) -> Bool { isLower(byte) || (0x41...0x5a).contains(byte) }
    /// `\w`
    static func isWord(_ byte: UInt8) -> Bool { isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "_") }
}
