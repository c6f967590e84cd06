/// An anchored pattern in which `*` stands for any run of characters, the empty one included. With `questionMarks`, `?` stands
/// for one character.
package struct Glob: Hashable, Sendable {
    private let elements: [PolicyPattern.Element]

    package init(_ pattern: String, questionMarks: Bool = false) {
        elements = pattern.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "*"): .anyRun
            case UInt8(ascii: "?") where questionMarks: .anyOne
            default: .byte(byte)
            }
        }
    }

    package func matches(_ text: String) -> Bool { WildcardSearch.fits(elements, Array(text.utf8)) }
}
