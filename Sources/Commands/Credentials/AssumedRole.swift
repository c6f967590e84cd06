/// A role of the server and the terms of a session of it.
package struct AssumedRole: Sendable, Equatable {
    package let arn: String
    package let sessionName: String
    /// In seconds; nil for the server's own default.
    package let duration: Int64?
    /// The external id that the role's trust policy may ask for.
    package let externalID: String?

    /// The name of sessions that are given none.
    package static let defaultSession = "weir"
    /// In seconds: from 15 minutes to 12 hours, as STS takes it.
    static let durations: ClosedRange<Int64> = 900...43_200

    /// - Parameter place: what names the role, for error messages: a profile or a variable.
    package init(
        arn: String, sessionName: String? = nil, duration: String? = nil, externalID: String? = nil, from place: String
    ) throws(CommandProblem) {
        guard arn.hasPrefix("arn:"), arn.contains(":role/"), arn.utf8.count <= 2_048,
            arn.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { throw CommandProblem("\(place) names no role: an ARN is wanted, such as arn:aws:iam::123456789012:role/NAME") }
        let name = sessionName ?? Self.defaultSession
        guard Self.isSessionName(name) else {
            throw CommandProblem(
                "\(place) has a role session name that STS refuses: 2 to 64 letters, digits and any of + = , . @ _ -")
        }
        if let externalID, !(2...1_224).contains(externalID.utf8.count) {
            throw CommandProblem("\(place) has an external_id that STS refuses: it has 2 to 1224 characters")
        }
        var seconds: Int64?
        if let duration {
            guard let number = Int64(duration), Self.durations.contains(number) else {
                throw CommandProblem("\(place) has a duration_seconds that STS refuses: it is a whole number from 900 to 43200")
            }
            seconds = number
        }
        self.arn = arn
        self.sessionName = name
        self.duration = seconds
        self.externalID = externalID
    }

    static func isSessionName(_ name: String) -> Bool {
        (2...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
                default: "+=,.@_-".utf8.contains(byte)
                }
            }
    }
}
