import Foundation
import Testing

/// What comments must be: short enough to be seen, and about things that are there.
@Suite struct CommentTests {
    private static let width = 130
    private let files = SourceFile.all

    /// Drawings and tables are as wide as they are.
    @Test func commentsFitTheLine() {
        let drawing = "─│┌┐└┘├┤▶◀▲▼→"
        let found = files.flatMap { file in
            file.lines.enumerated().compactMap { index, line -> String? in
                let text = line.drop { $0 == " " }
                guard text.hasPrefix("//"), line.count > Self.width, !text.drop(while: { "/ -".contains($0) }).contains("  "),
                    !text.contains("|"),
                    !text.contains(where: drawing.contains)
                else { return nil }
                return "Sources/\(file.path):\(index + 1)"
            }
        }
        #expect(found.isEmpty, "Comments have \(Self.width) columns at most: \(found)")
    }

    /// `docs/ecr.md`, or with one of its headings: `docs/ecr.md, "Sentences"`.
    @Test func whatCommentsCiteIsHere() throws {
        let repository = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let citation = try NSRegularExpression(pattern: #"([\w/-]+\.md)(?:, "([^"]+)")?|§"#)
        var documents: [String: String] = [:]
        var wrong: [String] = []
        for file in files {
            let comments = file.lines.map { $0.drop { $0 == " " } }.filter { $0.hasPrefix("//") }
                .map { $0.drop { $0 == "/" } }.joined(separator: " ").replacing("  ", with: " ")
            for match in citation.matches(in: comments, range: NSRange(comments.startIndex..., in: comments)) {
                guard let path = Range(match.range(at: 1), in: comments).map({ String(comments[$0]) }) else {
                    wrong.append("Sources/\(file.path): §")
                    continue
                }
                let text =
                    documents[path]
                    ?? (try? String(contentsOf: repository.appendingPathComponent(path), encoding: .utf8)) ?? ""
                documents[path] = text
                let heading = Range(match.range(at: 2), in: comments).map { String(comments[$0]) }
                let hasHeading = heading.map { heading in
                    text.split(separator: "\n").contains { $0.hasPrefix("#") && $0.drop { $0 == "#" || $0 == " " } == heading }
                }
                if text.isEmpty || hasHeading == false { wrong.append("Sources/\(file.path): \(path) \(heading ?? "")") }
            }
        }
        #expect(wrong.isEmpty, "Comments cite what is in this repository, or public: \(wrong)")
    }
}
