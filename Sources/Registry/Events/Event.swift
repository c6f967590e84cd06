package import WeirCore

/// What happened to an image, as ECR reports it to EventBridge (docs/ecr.md, "Events and the audit").
package struct Event: Sendable, Equatable {
    /// The kind of an event. Kinds that AWS has no name for begin with `Weir`.
    package struct DetailType: Sendable, Hashable {
        package let text: String

        package init(_ text: String) { self.text = text }

        package static let imageAction = DetailType("ECR Image Action")
        package static let referrerAction = DetailType("ECR Referrer Action")
        package static let pullThroughCacheAction = DetailType("ECR Pull Through Cache Action")
        package static let replicationAction = DetailType("ECR Replication Action")
        /// A pull was answered with what was held, because upstream could not be asked.
        package static let staleServed = DetailType("Weir Stale Image Served")
        /// Lifecycle, garbage collection, eviction or verification ran.
        package static let maintenance = DetailType("Weir Maintenance")
    }

    package let detailType: DetailType
    package let registry: RegistryID
    /// ARNs.
    package let resources: [String]
    /// `detail`, in the order in which it is printed.
    package let detail: [EventMember]

    /// Members that are nil are left out.
    package init(
        _ detailType: DetailType, in registry: RegistryID, resources: [String] = [],
        _ detail: KeyValuePairs<String, EventValue?>
    ) {
        self.detailType = detailType
        self.registry = registry
        self.resources = resources
        self.detail = EventMember.list(detail)
    }
}

/// Where events go. `emit` never waits and never fails: what an event reports has already happened.
package protocol EventSink: Sendable {
    func emit(_ event: Event)
}

/// Drops every event.
package struct NoEvents: EventSink {
    package init() {}
    package func emit(_: Event) {}
}
