import NIOCore
import WeirCore

/// The XML of the Query protocol: elements and text, nothing else.
struct QueryXML {
    private var text = ""
    /// The names of members that are maps.
    private let maps: Set<String>

    init(maps: Set<String> = []) { self.maps = maps }

    var bytes: ByteBuffer { ByteBuffer(string: text) }

    mutating func element(_ name: String, attributes: String = "", _ content: (inout QueryXML) -> Void) {
        text += "<\(name)\(attributes)>"
        content(&self)
        text += "</\(name)>"
    }

    mutating func element(_ name: String, text content: String) {
        element(name) { xml in xml.escape(content) }
    }

    /// A structure's member: nothing for null, an empty element for a list, a map or a structure without members.
    mutating func member(_ name: String, _ value: JSONValue) {
        switch value {
        case .null: break
        case .array(let values) where values.isEmpty: text += "<\(name)/>"
        case .object(let members) where members.isEmpty: text += "<\(name)/>"
        case .object(let members) where maps.contains(name): element(name) { $0.entries(members) }
        default: element(name) { $0.write(value) }
        }
    }

    private mutating func entries(_ members: [String: JSONValue]) {
        for (key, value) in members.sorted(by: { $0.key < $1.key }) {
            element("entry") { xml in
                xml.element("key", text: key)
                xml.member("value", value)
            }
        }
    }

    /// A structure's members as elements, a list's as `member`.
    private mutating func write(_ value: JSONValue) {
        switch value {
        case .null: break
        case .bool(let flag): text += flag ? "true" : "false"
        case .integer(let number): text += String(number)
        // Moments are the only numbers with a fraction that IAM and STS have.
        case .number(let seconds): text += Timestamp(seconds: Int64(saturating: seconds.rounded(.down))).iso8601
        case .string(let string): escape(string)
        case .array(let values): for value in values { member("member", value) }
        case .object(let members): for (name, value) in members.sorted(by: { $0.key < $1.key }) { member(name, value) }
        }
    }

    private mutating func escape(_ content: String) {
        for scalar in content.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            // As itself, a parser would read a line feed.
            case "\r": text += "&#xD;"
            case "\t", "\n": text.unicodeScalars.append(scalar)
            // XML 1.0 has no way to write the other control characters.
            case _ where scalar.value < 0x20 || scalar.value == 0xfffe || scalar.value == 0xffff: text += "\u{fffd}"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}
