/// Why bytes could not be opened or sealed.
package enum SealError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The bytes differ from what was sealed: changed, moved, cut, or sealed under another key.
    case damaged
    /// The first bytes are not a sealed blob's header, or have a version that this program does not know.
    case badHeader(String)
    /// A mistake in the program, not in the data: the caller sealed after the last segment, or sealed a short segment that is not
    /// the last.
    case misused(String)

    package var description: String {
        switch self {
        case .damaged: "the sealed bytes are damaged, or sealed under another key"
        case .badHeader(let reason): "not a sealed blob: \(reason)"
        case .misused(let reason): reason
        }
    }
}
