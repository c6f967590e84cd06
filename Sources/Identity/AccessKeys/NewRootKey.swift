package import WeirCore

/// A new root access key of an account, with its secret: shown once, to the caller that made it.
package struct NewRootKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// `AKIA…`, 20 characters (`AccessKeyID`).
    package let id: String
    /// 40 characters.
    package let secret: String

    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// From the system's generator.
    package init(of account: AccountID) {
        id = AccessKeyID.new(AccessKeyID.longLived, in: account)
        var generator = SystemRandomNumberGenerator()
        secret = String(decoding: (0..<40).map { _ in Self.letters.randomElement(using: &generator) ?? 0x41 }, as: UTF8.self)
    }

    package var description: String { "access key \(id)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["id": id]) }
}
