/// An anchored pattern in which `*` stands for any run of characters, the empty one included. With `questionMarks`, `?` stands
/// for one character.
package struct Glob: Hashable, Sendable {
    private let codes: [PolicyPattern.Code]

    package init(_ pattern: String, questionMarks: Bool = false) {
        codes = pattern.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "*"): WildcardSearch.anyRun
            case UInt8(ascii: "?") where questionMarks: WildcardSearch.anyOne
            default: PolicyPattern.Code(byte)
            }
        }
    }

    package func matches(_ text: String) -> Bool {
        text.withUTF8Bytes { WildcardSearch.fits(codes, $0, ignoringCase: false) }
    }
}
