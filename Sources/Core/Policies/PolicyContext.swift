/// The condition keys of a request and their values. Keys are compared without regard to case.
///
/// The keys that every request has are worked out when a policy asks for them: most requests never need one.
///
/// A value of more than `maxValue` bytes is never compared: no Allow applies because of it, and no Deny is lifted by it.
package struct PolicyContext: Sendable {
    package static let maxValue = 1_024

    /// Values that were set one by one. They come before those of `request`.
    private var own: [String: [String]] = [:]
    private var request: RequestKeys?
    private var resourceTags: [ResourceTag] = []
    /// `ecr:resourcetag/`
    private var resourceTagPrefix = ""

    package init() {}

    init(_ request: RequestKeys) { self.request = request }

    package subscript(key: String) -> [String] {
        get { values(for: key.asciiLowercased) }
        set { own[key.asciiLowercased] = newValue }
    }

    /// The tags of the resource, under `aws:` and under the service's own prefix.
    package mutating func take(resourceTags: [ResourceTag], of service: String) {
        self.resourceTags = resourceTags
        resourceTagPrefix = "\(service.asciiLowercased):resourcetag/"
    }

    /// `key` in lower case.
    func values(for key: String) -> [String] {
        if !own.isEmpty, let values = own[key] { return values }
        if !resourceTags.isEmpty {
            if let name = key.rest(after: "aws:resourcetag/") { return Self.values(of: name, in: resourceTags) }
            if let name = key.rest(after: resourceTagPrefix) { return Self.values(of: name, in: resourceTags) }
        }
        return request?.values(for: key) ?? []
    }

    /// All keys that have values, in lower case and sorted: for the audit record, simulations and explanations.
    package var all: [(key: String, values: [String])] {
        var keys = Set(own.keys)
        for tag in resourceTags {
            keys.formUnion(["aws:resourcetag/" + tag.key.asciiLowercased, resourceTagPrefix + tag.key.asciiLowercased])
        }
        keys.formUnion(request?.names ?? [])
        return keys.sorted().map { (key: $0, values: values(for: $0)) }.filter { !$0.values.isEmpty }
    }

    /// Tags whose keys differ in case alone are one condition key with several values.
    static func values(of name: Substring, in tags: [ResourceTag]) -> [String] {
        tags.filter { $0.key.asciiLowercased.utf8.elementsEqual(name.utf8) }.map(\.value)
    }

    static func areTooLong(_ values: [String]) -> Bool { values.contains { $0.utf8.count > maxValue } }
}

extension String {
    /// What follows the prefix, compared byte by byte; nil if the text does not begin with it or ends there.
    func rest(after prefix: String) -> Substring? {
        let length = prefix.utf8.count
        guard utf8.count > length, utf8.starts(with: prefix.utf8) else { return nil }
        return self[utf8.index(utf8.startIndex, offsetBy: length)...]
    }
}
