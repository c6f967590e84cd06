import Synchronization
package import WeirCore

/// Upstreams' lists of tags, in memory. Bounded in number and in bytes: the list that came longest ago goes first.
package final class UpstreamTags: Sendable {
    package struct Key: Hashable, Sendable {
        let registry: RegistryID
        let name: RepositoryName
        /// The upstream place that told the list: a rule can be made anew for another host.
        let place: String

        package init(registry: RegistryID, name: RepositoryName, place: String) {
            self.registry = registry
            self.name = name
            self.place = place
        }

        init(_ rule: CacheRule, at context: PullContext) {
            registry = context.registry
            name = context.name
            let options = rule.options
            self.place =
                "\(rule.upstreamURL) \(options.plainHTTP) \(options.pathPrefix ?? "") \(rule.upstreamRepository(for: context.name))"
        }
    }

    package struct List: Sendable {
        /// In the order of their bytes, none twice.
        package let tags: [Tag]
        let askedAt: Timestamp

        package init(_ tags: [Tag], askedAt: Timestamp) {
            self.tags = Set(tags).sorted()
            self.askedAt = askedAt
        }

        /// The first `count` that come after `tag`.
        func tags(after tag: String, _ count: Int) -> ArraySlice<Tag> {
            var (low, high) = (0, tags.count)
            while low < high {
                let middle = (low + high) / 2
                if tags[middle].description <= tag { low = middle + 1 } else { high = middle }
            }
            return tags[low...].prefix(count)
        }

        /// Its size in memory in bytes, roughly.
        fileprivate var bytes: Int { tags.map { $0.description.utf8.count + 48 }.total }
    }

    private struct Entry {
        var list: List?
        var failure: (refusal: Refusal, until: Timestamp)?
        var bytes = 0
        var number: UInt64
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var bytes = 0
        var last: UInt64 = 0
    }

    /// Tags of one repository; longer lists are cut.
    package static let mostTags = 50_000
    package static let mostLists = 1_000
    package static let mostBytes = 16 * 1024 * 1024

    private let state = Mutex(State())

    package init() {}

    package var count: Int { state.withLock { $0.entries.count } }
    package var bytes: Int { state.withLock { $0.bytes } }

    /// The last list that came, however old it is.
    package func list(_ key: Key) -> List? { state.withLock { $0.entries[key]?.list } }

    /// Why upstream could not be asked a moment ago; nil where it may be asked again.
    func failure(_ key: Key, at now: Timestamp) -> Refusal? {
        state.withLock { state in
            guard let failure = state.entries[key]?.failure, failure.until > now, failure.until - now <= Self.longestFailure
            else { return nil }
            return failure.refusal
        }
    }

    /// A longer pause means that the clock has gone back since.
    private static let longestFailure: Duration = .seconds(3600)

    package func keep(_ list: List, _ key: Key) { change(key) { $0 = (list, nil) } }

    func fail(_ refusal: Refusal, until: Timestamp, _ key: Key) { change(key) { $0.failure = (refusal, until) } }

    private func change(_ key: Key, _ body: (inout (list: List?, failure: (refusal: Refusal, until: Timestamp)?)) -> Void) {
        state.withLock { state in
            let old = state.entries.removeValue(forKey: key)
            state.bytes -= old?.bytes ?? 0
            var value = (list: old?.list, failure: old?.failure)
            body(&value)
            state.last &+= 1
            let bytes = (value.list?.bytes ?? 0) + 512
            state.entries[key] = Entry(list: value.list, failure: value.failure, bytes: bytes, number: state.last)
            state.bytes += bytes
            while state.bytes > Self.mostBytes || state.entries.count > Self.mostLists,
                let oldest = state.entries.min(by: { $0.value.number < $1.value.number }), oldest.key != key
            {
                state.entries[oldest.key] = nil
                state.bytes -= oldest.value.bytes
            }
        }
    }
}
