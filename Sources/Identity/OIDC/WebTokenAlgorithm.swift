/// The signature algorithms that a web identity token may have (RFC 7518, 3.1): asymmetric ones only. `none` and those with a
/// shared secret are not here, so no check exists that they could choose.
package enum WebTokenAlgorithm: String, Sendable, CaseIterable {
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
}
