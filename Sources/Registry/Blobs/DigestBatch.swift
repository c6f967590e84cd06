import WeirCore

/// A part of a list of digests, for a statement that asks about all of them at once (`IN`).
///
/// A batch has one of four lengths, and is filled up by repeating its last digest. So a statement has four texts, however many
/// digests there are, and the database parses each of them once.
struct DigestBatch: Sendable {
    private static let lengths = [1, 8, 64, 512]

    private let digests: [Digest]

    static func all(of digests: [Digest]) -> [DigestBatch] {
        let most = lengths[lengths.count - 1]
        return stride(from: 0, to: digests.count, by: most).map { first in
            DigestBatch(digests: Array(digests[first..<min(first + most, digests.count)]))
        }
    }

    private var length: Int { Self.lengths.first { $0 >= digests.count } ?? digests.count }

    /// `$3, $4, …`
    func placeholders(from first: Int) -> String {
        (first..<first + length).map { "$\($0)" }.joined(separator: ", ")
    }

    var arguments: [SQLValue] {
        let texts = digests.map { SQLValue.text($0.description) }
        guard let last = texts.last else { return [] }
        return texts + Array(repeating: last, count: length - texts.count)
    }
}
