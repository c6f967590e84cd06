import WeirCore

/// The rules for a repository's AWS tags.
enum ResourceTags {
    static let maxPerRepository = 50
    static let keyLengths = 1...128
    static let maxValueLength = 256

    /// Throws the refusal of tags that a new repository, or one call of TagResource, cannot have.
    static func check(_ tags: [ResourceTag]) throws(Refusal) {
        guard tags.count <= maxPerRepository else { throw tooMany }
        for tag in tags {
            try check(key: tag.key)
            guard tag.value.unicodeScalars.count <= maxValueLength else { throw wrongLength }
            guard tag.value.unicodeScalars.allSatisfy(isAllowed) else { throw wrongCharacters(in: "value", tag.key) }
        }
        guard Set(tags.map(\.key)).count == tags.count else {
            throw Refusal(.invalidTagParameter, "An invalid parameter has been specified. A tag key is given twice.")
        }
    }

    static func check(key: String) throws(Refusal) {
        guard keyLengths.contains(key.unicodeScalars.count) else { throw wrongLength }
        guard key.unicodeScalars.allSatisfy(isAllowed) else { throw wrongCharacters(in: "key", key) }
        guard !key.lowercased().hasPrefix("aws:") else {
            throw Refusal(
                .invalidTagParameter,
                "An invalid parameter has been specified. Tag keys that begin with aws: are reserved for system use.")
        }
    }

    static var tooMany: Refusal {
        Refusal(
            .tooManyTags,
            "The list of tags on the repository is over the limit. "
                + "The maximum number of tags that can be applied to a repository is \(maxPerRepository).")
    }

    private static var wrongLength: Refusal {
        Refusal(
            .invalidTagParameter,
            "An invalid parameter has been specified. Tag keys can have a maximum character length of 128 characters, "
                + "and tag values can have a maximum length of 256 characters.")
    }

    private static func wrongCharacters(in part: String, _ key: String) -> Refusal {
        Refusal(
            .invalidTagParameter,
            "An invalid parameter has been specified. The \(part) of the tag '\(key)' has characters other than letters, "
                + "numbers, spaces and _ . : / = + - @")
    }

    /// Letters, numbers and spaces of any script, and `_.:/=+-@`: the characters that AWS allows in tags.
    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber, .spaceSeparator, .lineSeparator, .paragraphSeparator:
            true
        default: "_.:/=+-@".unicodeScalars.contains(scalar)
        }
    }
}
