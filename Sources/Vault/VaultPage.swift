/// Part of a list, and where the next part begins: nil where there is none.
package struct VaultPage<Item: Sendable>: Sendable {
    package let items: [Item]
    package let next: String?

    package init(items: [Item], next: String?) {
        self.items = items
        self.next = next
    }

    /// A page of `limit` from one item more than that: the extra one only tells that there is more. `place` names the last
    /// item of this page for the next call.
    init(of items: [Item], limit: Int, place: (Item) -> String) {
        let page = Array(items.prefix(limit))
        self.init(items: page, next: items.count > limit ? page.last.map(place) : nil)
    }
}
