/// The patterns of IAM's and STS's service models. A regular expression there stands for a whole text.
enum IAMPatterns {
    /// Of users, groups, roles, policies and instance profiles.
    static let name = repeated(#"[\w+=,.@-]+"#, isName)
    static let path = Pattern(#"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)"#) { text in
        guard text != "/" else { return true }
        let bytes = text.utf8
        return bytes.count > 2 && bytes.first == slash && bytes.last == slash && bytes.allSatisfy { (0x21...0x7e).contains($0) }
    }
    /// Of policies, whose paths' parts have letters, digits and a few signs only.
    static let policyPath = Pattern(#"((/[A-Za-z0-9\.,\+@=_-]+)*)/"#) { text in
        guard text.utf8.first == slash, text.utf8.last == slash else { return false }
        let parts = text.utf8.dropFirst().split(separator: slash, omittingEmptySubsequences: false)
        return parts.dropLast().allSatisfy { part in !part.isEmpty && part.allSatisfy { isName(Unicode.Scalar($0)) } }
    }
    static let pathPrefix = Pattern(#"\u002F[\u0021-\u007F]*"#) { text in
        text.utf8.first == slash && text.utf8.allSatisfy { (0x21...0x7f).contains($0) }
    }
    static let tagKey = repeated(#"[\p{L}\p{Z}\p{N}_.:/=+\-@]+"#, isTagText)
    static let tagValue = repeated(#"[\p{L}\p{Z}\p{N}_.:/=+\-@]*"#, least: 0, isTagText)
    static let document = repeated(#"[\u0009\u000A\u000D\u0020-\u00FF]+"#) { scalar in
        isLine(scalar.value) || (0x20...0xff).contains(scalar.value)
    }
    /// Of roles.
    static let description = repeated(#"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*"#, least: 0) { scalar in
        isLine(scalar.value) || (0x20...0x7e).contains(scalar.value) || (0xa1...0xff).contains(scalar.value)
    }
    static let accessKeyID = repeated(#"[\w]+"#, isWord)
    static let policyVersion = Pattern(#"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?"#) { text in
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard let head = parts.first, parts.count <= 2, head.first == UInt8(ascii: "v"), let digit = head.dropFirst().first,
            digit != UInt8(ascii: "0"), head.dropFirst().allSatisfy({ (0x30...0x39).contains($0) })
        else { return false }
        return parts.dropFirst().allSatisfy { $0.allSatisfy { isAlphanumeric($0) || $0 == dash } }
    }
    static let accountAlias = Pattern("^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$") { text in
        let bytes = Array(text.utf8)
        let isKnown = bytes.allSatisfy { $0 == dash || (isAlphanumeric($0) && !(0x41...0x5a).contains($0)) }
        return (3...63).contains(bytes.count) && isKnown && bytes.first != dash && bytes.last != dash && !text.contains("--")
    }
    static let contextValue = repeated("[ -~]+") { (0x20...0x7e).contains($0.value) }

    // MARK: STS

    static let sessionName = repeated(#"[\w+=,.@-]*"#, least: 0, isName)
    static let externalID = repeated(#"[\w+=,.@:\/-]*"#, least: 0) { isName($0) || $0 == ":" || $0 == "/" }
    static let anyAccessKeyID = repeated(#"[\w]*"#, least: 0, isWord)
    static let arn = repeated(
        #"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+"#
    ) { scalar in
        switch scalar.value {
        case 0x20...0x7e, 0x85, 0xa0...0xd7ff, 0xe000...0xfffd, 0x10000...0x10ffff: true
        default: isLine(scalar.value)
        }
    }

    // MARK: What they share

    private static let slash = UInt8(ascii: "/")
    private static let dash = UInt8(ascii: "-")

    /// A text of at least `least` characters, each of which fits.
    private static func repeated(
        _ text: String, least: Int = 1, _ fits: @escaping @Sendable (Unicode.Scalar) -> Bool
    ) -> Pattern {
        Pattern(text) { $0.unicodeScalars.count >= least && $0.unicodeScalars.allSatisfy(fits) }
    }

    private static func isLine(_ scalar: UInt32) -> Bool { scalar == 0x09 || scalar == 0x0a || scalar == 0x0d }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: false
        }
    }

    /// `\w`: ASCII alone.
    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || (scalar.isASCII && isAlphanumeric(UInt8(ascii: scalar)))
    }

    private static func isName(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "+", "=", ",", ".", "@", "-": true
        default: isWord(scalar)
        }
    }

    private static func isTagText(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "_", ".", ":", "/", "=", "+", "-", "@": return true
        default: break
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .spaceSeparator, .lineSeparator,
            .paragraphSeparator, .decimalNumber, .letterNumber, .otherNumber:
            return true
        default: return false
        }
    }
}
