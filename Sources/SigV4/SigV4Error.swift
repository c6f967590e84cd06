/// Why a request's signature parameters cannot be used. The description is AWS's sentence, safe to send back: it contains no
/// signature.
package enum SigV4Error: Error, Equatable, Sendable, CustomStringConvertible {
    /// Parts of the `Authorization` header or of the query are missing. One sentence for each.
    case incomplete([String])
    /// An algorithm other than `AWS4-HMAC-SHA256`.
    case unsupportedAlgorithm(String)
    /// Not `KEY/DATE/REGION/SERVICE/aws4_request`.
    case malformedCredential(String)
    case wrongTerminator(String)
    /// The date is neither `YYYYMMDDTHHMMSSZ` nor, in a `Date` header, in HTTP's form.
    case malformedDate(String)
    /// The scope's day differs from the signature's.
    case dateOutsideScope(scope: String, time: SigV4Time)
    /// `X-Amz-Expires` is not 1 to 604800 seconds.
    case malformedExpires(String)
    /// A header that must be signed is not.
    case headerNotSigned(String)
    /// `SignedHeaders` is not a list of unique lower-case names in alphabetical order.
    case malformedSignedHeaders(String)
    /// The query has more than `RawQuery.mostItems` parameters.
    case tooManyParameters
    /// The request has a header signature and a query signature: which one counts is undefined.
    case twoSignatures
    /// A header or parameter of AWS's is there twice: which one counts is undefined.
    case givenTwice(String)

    package var description: String {
        switch self {
        case .incomplete(let sentences): sentences.joined(separator: " ")
        case .unsupportedAlgorithm(let name): "Unsupported AWS 'algorithm': '\(name)'."
        case .malformedCredential(let text):
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '\(text)'"
        case .wrongTerminator(let text):
            "Credential should be scoped with a valid terminator: '\(SigV4Scope.terminator)', not '\(text)'."
        case .malformedDate(let text):
            "Date must be in ISO-8601 'basic format'. Got '\(text)'. See http://en.wikipedia.org/wiki/ISO_8601"
        case .dateOutsideScope(let scope, let time):
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '\(scope)' "
                + "!= '\(time.date)', from '\(time)'."
        case .malformedExpires(let text): "X-Amz-Expires must be a number from 1 to 604800, got '\(text)'"
        case .malformedSignedHeaders(let text):
            "SignedHeaders must be a list of header names in lower case, in alphabetical order and each once, got '\(text)'"
        case .tooManyParameters: "The query has more than \(RawQuery.mostItems) parameters"
        case .headerNotSigned("host"): "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        case .headerNotSigned(let name):
            "There were headers present in the request which were not signed: '\(name)'"
        case .givenTwice(let name): "'\(name)' must be there once only."
        case .twoSignatures:
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the Authorization header should be specified"
        }
    }
}
