/// A page of a list, and where the next page begins: nil if there is none.
package struct VaultPage<Item: Sendable>: Sendable {
    package let items: [Item]
    package let next: String?

    package init(items: [Item], next: String?) {
        self.items = items
        self.next = next
    }

    /// A page of at most `limit` from up to `limit` + 1 items: the extra one only shows that there is a next page. `place` gives
    /// the last item's position for the next call.
    init(of items: [Item], limit: Int, place: (Item) -> String) {
        let page = Array(items.prefix(limit))
        self.init(items: page, next: items.count > limit ? page.last.map(place) : nil)
    }
}
