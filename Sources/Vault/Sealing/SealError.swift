/// Why sealed bytes were not opened, or plain ones not sealed.
package enum SealError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The bytes are not those that were sealed: changed, moved, cut, or sealed under another key.
    case damaged
    /// What should be a sealed blob's first bytes is not, or is of a version that this program does not know.
    case badHeader(String)
    /// The caller sealed after the last segment, or a short segment that is not the last: the program is wrong, not the data.
    case misused(String)

    package var description: String {
        switch self {
        case .damaged: "the sealed bytes are damaged, or sealed under another key"
        case .badHeader(let reason): "not a sealed blob: \(reason)"
        case .misused(let reason): reason
        }
    }
}
