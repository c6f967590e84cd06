/// A part of a list.
package struct IdentityPage<Item: Sendable>: Sendable {
    package let items: [Item]
    /// The place to go on after; nil at the end of the list.
    package let next: String?

    package init(items: [Item], next: String?) {
        self.items = items
        self.next = next
    }

    /// A page of at most `limit` from up to `limit` + 1 items: the extra one only shows that there is a next page.
    ///
    /// - Parameter place: an item's place in the list.
    init(_ items: [Item], limit: Int, place: (Item) -> String) {
        let page = Array(items.prefix(limit))
        self.init(items: page, next: items.count > limit ? page.last.map(place) : nil)
    }
}

extension IdentityPage where Item == Entity {
    /// In the order of their names without regard to case.
    init(entities: [Entity], limit: Int) { self.init(entities, limit: limit) { Entity.folded($0.name) } }
}
