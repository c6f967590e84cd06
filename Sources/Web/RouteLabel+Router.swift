package import WeirServer

extension RouteLabel {
    package enum Door: String, Sendable { case distribution, aws, `operator`, none }

    package enum Route: String, Sendable {
        case ping, catalog, tags, manifest, blob, upload, referrers
        case call
        case healthz, metrics
        case root, unknown
    }

    package init(_ door: Door, _ route: Route) { self.init(door: door.rawValue, route: route.rawValue) }

    static let unknown = RouteLabel(.none, .unknown)
}
