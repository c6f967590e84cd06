import Crypto
import Foundation
import Glibc
import SwiftASN1
import WeirWeb
import X509

/// The certificate for first use: an authority of our own, and a certificate from it for the names under which this server is reached.
struct SelfSignedCertificate {
    let folder: DataFolder
    let names: [String]

    /// What lies in DATA/tls; made where it is missing.
    func identity() throws -> TLSIdentity {
        let certificate = folder.tls("server.crt")
        let key = folder.tls("server.key")
        // The certificate is written last: without it none of the three was ever used.
        if try !StartFile.exists(certificate) { try make() }
        guard let chain = try StartFile.contents(of: certificate), let secret = try StartFile.contents(of: key) else {
            throw StartProblem(
                "'\(key)' is missing beside its certificate. Restore it, or move '\(folder.tls(""))' away: then a new authority is made, which clients must trust anew"
            )
        }
        return TLSIdentity(certificateChain: chain, privateKey: secret)
    }

    private func make() throws {
        guard mkdir(folder.tls(""), 0o700) == 0 || errno == EEXIST else {
            throw StartProblem("'\(folder.tls(""))' cannot be made: \(String(cString: strerror(errno)))")
        }
        let authorityKey = P256.Signing.PrivateKey()
        let authorityName = try DistinguishedName { CommonName("Weir self-made authority") }
        let authority = try certificate(
            for: authorityKey.publicKey, named: authorityName, signedBy: authorityKey, issuer: authorityName,
            Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            })
        let serverKey = P256.Signing.PrivateKey()
        let server = try certificate(
            for: serverKey.publicKey, named: try DistinguishedName { CommonName(names.first ?? "localhost") },
            signedBy: authorityKey, issuer: authorityName,
            Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames(names.map(Self.alternativeName))
            })
        let authorityPEM = try authority.serializeAsPEM().pemString
        try folder.write(authorityPEM + "\n", to: folder.tls("ca.crt"), isReplacing: true)
        try folder.write(serverKey.pemRepresentation + "\n", to: folder.tls("server.key"), isReplacing: true)
        try folder.write(
            try server.serializeAsPEM().pemString + "\n" + authorityPEM + "\n", to: folder.tls("server.crt"), isReplacing: true)
    }

    private func certificate(
        for key: P256.Signing.PublicKey, named subject: DistinguishedName,
        signedBy issuerKey: P256.Signing.PrivateKey, issuer: DistinguishedName,
        _ extensions: Certificate.Extensions
    ) throws -> Certificate {
        let now = Date()
        return try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(),
            publicKey: Certificate.PublicKey(key), notValidBefore: now.addingTimeInterval(-3_600),
            // Clients refuse server certificates of more than 825 days.
            notValidAfter: now.addingTimeInterval(800 * 86_400), issuer: issuer, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions,
            issuerPrivateKey: Certificate.PrivateKey(issuerKey))
    }

    /// An address goes in as an address: clients do not match it against names.
    private static func alternativeName(_ name: String) -> GeneralName {
        var four = in_addr()
        if inet_pton(AF_INET, name, &four) == 1 {
            return .ipAddress(ASN1OctetString(contentBytes: ArraySlice(withUnsafeBytes(of: &four, Array.init))))
        }
        var six = in6_addr()
        if inet_pton(AF_INET6, name, &six) == 1 {
            return .ipAddress(ASN1OctetString(contentBytes: ArraySlice(withUnsafeBytes(of: &six, Array.init))))
        }
        return .dnsName(name)
    }
}
