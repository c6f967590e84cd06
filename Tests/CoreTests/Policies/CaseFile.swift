import Foundation
import WeirCore

/// A file of cases under Tests/Cases.
enum CaseFile {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Cases")

    static func read(_ path: String) throws -> JSONValue {
        try JSONValue(parsing: Data(contentsOf: folder.appending(path: path)))
    }

    static func list(_ path: String) throws -> [JSONValue] {
        guard case .array(let list) = try read(path) else { throw CaseError(path) }
        return list
    }

    /// The names of the files in a folder of cases, sorted.
    static func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: self.folder.appending(path: folder).path()).sorted()
            .filter { $0.hasSuffix(".json") }
    }
}

/// A case that is not of the form that the README of the cases gives.
struct CaseError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension JSONValue {
    var asText: String? { if case .string(let text) = self { text } else { nil } }
    var list: [JSONValue] { if case .array(let list) = self { list } else { [] } }
    var members: [String: JSONValue] { if case .object(let members) = self { members } else { [:] } }

    func required(_ name: String) throws -> String {
        guard let text = self[name]?.asText else { throw CaseError("'\(name)' is missing in \(self)") }
        return text
    }
}
