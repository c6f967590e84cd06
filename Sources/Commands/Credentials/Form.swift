import WeirText

/// The body of a Query call.
enum Form {
    /// The fields that have a value, in their order.
    static func encoded(_ fields: KeyValuePairs<String, String?>) -> String {
        fields.compactMap { name, value in value.map { "\(name)=\(PercentCoding.encoded($0.utf8))" } }.joined(separator: "&")
    }
}
