package import WeirCore
import WeirText

/// The requested part of one of IAM's lists: `MaxItems` and `Marker`.
package struct IAMPageRequest {
    /// IAM's default page size, and its largest.
    static let standard: Int64 = 100
    static let sizes: ClosedRange<Int64> = 1...1_000

    private let listing: String
    /// The place in the list after which the page begins, as the last answer's `next` told it.
    package let after: String?
    package let limit: Int

    /// - Parameter listing: the operation, and all else that must be the same on the next page. A marker is valid for it alone,
    ///   and for the caller's account.
    package init(_ call: AWSCall, of listing: String) throws {
        let listing = "\(listing)\n\(call.registry.account)\n"
        let (limit, marker) = try call.validated(
            { try $0.input.optionalInteger("MaxItems", Self.sizes) },
            { try $0.input.optionalString("Marker", length: 1...Self.longestMarker) })
        self.listing = listing
        self.limit = Int(clamping: limit ?? Self.standard)
        after = try marker.map { text in
            guard let bytes = Base64URL.decode(text), let plain = String(validating: bytes, as: UTF8.self),
                plain.hasPrefix(listing), !plain.utf8.contains(0)
            else { throw Refusal(.validation, "Invalid Marker.") }
            return String(plain.dropFirst(listing.count))
        }
    }

    /// Characters.
    private static let longestMarker = 2_048

    /// The answer: the items under `member`, whether there are more, and the marker of the next page where there are.
    ///
    /// - Parameter next: the place of the page's last item; nil on the last page.
    package func answer<Item>(
        _ items: [Item], next: String?, as member: String, _ besides: [String: JSONValue] = [:], _ json: (Item) -> JSONValue
    ) -> JSONValue {
        var members = besides
        members[member] = .array(items.map(json))
        members["IsTruncated"] = .bool(next != nil)
        if let next { members["Marker"] = .string(Base64URL.encode("\(listing)\(next)".utf8)) }
        return .object(members)
    }
}
