package import WeirCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Parameters {
    /// Bytes, in base64 in AWS's JSON. `length` counts the decoded bytes.
    package func optionalBlob(_ name: String, length: ClosedRange<Int>? = nil) throws -> [UInt8]? {
        guard let text = try optionalString(name) else { return nil }
        guard let data = Data(base64Encoded: text) else {
            throw Refusal(.malformedRequest, "STRING_VALUE can not be converted to a Blob: '\(member(name))' is not base64")
        }
        if let length { try check(data.count, in: length, value: "(\(data.count) bytes)", at: name) }
        return Array(data)
    }

    package func blob(_ name: String, length: ClosedRange<Int>? = nil) throws -> [UInt8] {
        try required(name, try optionalBlob(name, length: length))
    }
}

extension JSONValue {
    /// Bytes as AWS's JSON carries them.
    package static func blob(_ bytes: [UInt8]) -> JSONValue { .string(Data(bytes).base64EncodedString()) }
}
