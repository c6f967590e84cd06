import WeirCore
import WeirRegistry
import WeirText

/// ECR's `nextToken`, opaque to clients. Here it is the listing and the place where the next page begins, as base64url.
struct PageToken {
    let cursor: String

    init(cursor: String) { self.cursor = cursor }

    /// Throws ECR's refusal of a token that does not belong to this listing.
    init(_ text: String, of listing: String) throws(Refusal) {
        guard text.utf8.count <= 2_048, let bytes = Base64URL.decode(text),
            let plain = String(validating: bytes, as: UTF8.self), plain.hasPrefix(listing + "\n"),
            !plain.utf8.contains(0)
        else { throw .invalidParameter("nextToken", "Invalid next token") }
        cursor = String(plain.dropFirst(listing.count + 1))
    }

    func text(of listing: String) -> String { Base64URL.encode("\(listing)\n\(cursor)".utf8) }
}

/// The requested part of a list.
struct PageRequest {
    /// ECR's default page size, and its largest.
    static let defaultSize: Int64 = 100
    static let sizes: ClosedRange<Int64> = 1...1_000

    let listing: String
    let after: String?
    let limit: Int

    /// - Parameter listing: the operation, and all else that must be the same on the next page: a token is valid for that alone.
    init(
        _ input: Parameters, of listing: String, sizes: ClosedRange<Int64> = Self.sizes, standard: Int64 = Self.defaultSize
    ) throws {
        self.listing = listing
        limit = Int(try input.optionalInteger("maxResults", sizes) ?? standard)
        // AWS SDKs and Terraform sometimes send an empty token for the first page.
        let token = try input.optionalString("nextToken").flatMap { $0.isEmpty ? nil : $0 }
        after = try token.map { (text: String) in try PageToken(text, of: listing).cursor }
    }

    /// A call may name items or ask for a page, not both.
    static func refuse(_ input: Parameters, besides names: String) throws(Refusal) {
        for member in ["maxResults", "nextToken"] where input.has(member) {
            throw .invalidParameter(member, "\(member) cannot be used together with \(names)")
        }
    }

    /// The answer: the items under `member`, and the token where there are more items.
    func answer<Item>(
        _ page: Page<Item>, as member: String, _ besides: [String: JSONValue] = [:], _ json: (Item) -> JSONValue
    ) -> JSONValue {
        var members = besides
        members[member] = .array(page.items.map(json))
        if let next = page.next { members["nextToken"] = .string(PageToken(cursor: next).text(of: listing)) }
        return .object(members)
    }
}
