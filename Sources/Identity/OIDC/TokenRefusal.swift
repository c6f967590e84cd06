package import WeirCore

/// A check of a web identity token, in the order in which they are made. No claim but `iss` counts before the signature does.
package enum TokenStep: String, Sendable, CaseIterable {
    /// It is a JWT, by an algorithm of the list.
    case token
    /// Its `iss` names a provider of the role's account.
    case provider
    /// The issuer has the key that it names.
    case key
    /// That key signed it.
    case signature
    /// It has not expired, and is valid already.
    case dates
    /// It was made for a client of the provider.
    case audience
    /// Its session tags and its source identity can be read.
    case tags
}

/// Why a web identity token opens nothing. Holds nothing of the token that is secret.
package enum TokenRefusal: Error, Hashable, Sendable {
    case notAToken(WebTokenFault)
    /// No provider of the account has that issuer.
    case noProvider(issuer: String)
    /// The issuer could not be asked for its keys.
    case issuerSilent(IssuerKeysError)
    /// The issuer answered, but not with keys.
    case keysInvalid(IssuerKeysError)
    case keyMissing(JSONWebKeySet.Miss)
    case signatureInvalid
    /// A date is missing, or none: `exp`, `nbf` or `iat`.
    case dateInvalid(claim: String)
    case expired(now: Timestamp, end: Timestamp)
    /// `nbf` or `iat` lies in the future.
    case notYetValid(claim: String, now: Timestamp, begin: Timestamp)
    /// Neither `azp` nor, where there is none, any of `aud` is a client of the provider.
    case wrongAudience
    /// The claim for session tags, or that for the source identity, has a form that STS does not know.
    case tagsInvalid(claim: String, why: String)

    /// The check that failed.
    package var step: TokenStep {
        switch self {
        case .notAToken: .token
        case .noProvider: .provider
        case .issuerSilent, .keysInvalid, .keyMissing(.unknown), .keyMissing(.ambiguous), .keyMissing(.unfit(nil, _)): .key
        case .keyMissing(.unusable), .keyMissing(.unfit), .signatureInvalid: .signature
        case .dateInvalid, .expired, .notYetValid: .dates
        case .wrongAudience: .audience
        case .tagsInvalid: .tags
        }
    }

    /// STS's error codes, as they stand in its answers. All of them are answered with the status 400.
    package enum Code: String, Sendable, CaseIterable {
        case invalidIdentityToken = "InvalidIdentityToken"
        /// SDKs repeat the request.
        case idpCommunicationError = "IDPCommunicationError"
        case expiredToken = "ExpiredTokenException"
    }

    package var code: Code {
        switch self {
        case .issuerSilent: .idpCommunicationError
        case .expired: .expiredToken
        default: .invalidIdentityToken
        }
    }

    /// What STS says to the client. Two spaces in a sentence are AWS's.
    package var message: String {
        switch self {
        case .notAToken:
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
        case .noProvider(let issuer): "No OpenIDConnect provider found in your account for \(issuer.shownWhole)"
        case .issuerSilent:
            "The request could not be fulfilled because the identity provider (IDP) that was asked to verify the incoming identity "
                + "token could not be reached."
        case .keysInvalid, .keyMissing(.unknown), .keyMissing(.ambiguous):
            "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity "
                + "documentation for requirements"
        case .keyMissing, .signatureInvalid, .dateInvalid, .tagsInvalid:
            "The web identity token that was passed could not be validated. Get a new identity token from the identity provider and "
                + "then retry the request."
        case .expired(let now, let end):
            "Token expired: current date/time \(now.epoch) must be before the expiration date/time \(end.epoch)"
        case .notYetValid(let claim, let now, let begin):
            "Token is not valid yet: current date/time \(now.epoch) must not be before its \(claim) \(begin.epoch)"
        case .wrongAudience: "Incorrect token audience"
        }
    }

    /// What is wrong, for the log and for the operator: more than the client is told.
    package var detail: String {
        switch self {
        case .notAToken(let fault): "the token is not usable: \(fault)"
        case .noProvider(let issuer): "no provider of the account has the URL \(issuer.shownWhole), byte for byte"
        case .issuerSilent(let error): "the issuer could not be asked for its keys: \(error)"
        case .keysInvalid(let error): "the issuer gave no keys: \(error)"
        case .keyMissing(let miss): "\(miss)"
        case .signatureInvalid: "the signature is not the key's"
        case .dateInvalid(let claim): "the claim \(claim) is missing, or no number of seconds since 1970"
        case .expired(let now, let end): "it expired at \(end.iso8601), and it is \(now.iso8601)"
        case .notYetValid(let claim, let now, let begin): "its \(claim) is \(begin.iso8601), and it is \(now.iso8601)"
        case .wrongAudience: "its azp, or where it has none its aud, is none of the provider's client ids"
        case .tagsInvalid(let claim, let why): "the claim \(claim) \(why)"
        }
    }
}

extension Timestamp {
    /// Whole seconds since 1970.
    fileprivate var epoch: Int64 { microseconds.quotient(roundedDownBy: 1_000_000) }
}

extension String {
    /// An issuer as a token says it: all of it up to IAM's bound, and what is not printable ASCII as `?`.
    fileprivate var shownWhole: String {
        String(
            decoding: utf8.prefix(OIDCIssuer.maxBytes).map { (0x21..<0x7f).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}
