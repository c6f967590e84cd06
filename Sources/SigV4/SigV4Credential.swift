/// An access key and its secret. Its printed form reveals nothing.
package struct SigV4Credential: Sendable, CustomStringConvertible, CustomReflectable {
    package let accessKeyID: String
    package let secret: [UInt8]
    package let sessionToken: String?

    package init(accessKeyID: String, secret: [UInt8], sessionToken: String? = nil) {
        self.accessKeyID = accessKeyID
        self.secret = secret
        self.sessionToken = sessionToken
    }

    package var description: String { "(a credential)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// The scope of a signature: a day, a region and a service.
package struct SigV4Scope: Hashable, Sendable, CustomStringConvertible {
    package static let terminator = "aws4_request"

    /// `YYYYMMDD`.
    package let date: String
    package let region: String
    package let service: String

    package init(date: String, region: String, service: String) {
        self.date = date
        self.region = region
        self.service = service
    }

    package var description: String { "\(date)/\(region)/\(service)/\(Self.terminator)" }
}
