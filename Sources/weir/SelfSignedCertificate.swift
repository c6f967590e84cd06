import Crypto
import Foundation
import Glibc
import Logging
import SwiftASN1
import WeirCore
import WeirServer
import WeirSettings
import X509

/// A certificate for first use: an authority of our own, and a certificate from it for the server's names.
///
/// The certificate lasts 800 days, since clients refuse those of more than 825, and the same authority renews it when 30 days are
/// left. Clients that trust `ca.crt` need not change. A data folder of an older version lacks the authority's key: then the
/// authority is made anew too, and clients must trust the new one.
struct SelfSignedCertificate {
    private static let serverDays = 800.0
    private static let authorityDays = 3_650.0
    /// The days left when it is renewed.
    private static let leftDays = 30.0

    let folder: DataFolder
    let names: [String]
    let logger: Logger

    private var certificateFile: String { folder.tls("server.crt") }
    private var keyFile: String { folder.tls("server.key") }
    private var authorityFile: String { folder.tls("ca.crt") }
    private var authorityKeyFile: String { folder.tls("authority.key") }

    /// The certificate in DATA/tls; created if it is missing or about to expire.
    func identity() throws -> TLSIdentity {
        if let renewed = try renewed() { return renewed }
        return try read()
    }

    /// A new certificate if there is none or it is about to expire; else nil.
    func renewed() throws -> TLSIdentity? {
        // The certificate is written last: while it is missing, the other files were never used.
        let end = try Self.end(of: certificateFile)
        guard try end.map({ $0 < Date().addingTimeInterval(Self.leftDays * 86_400) }) ?? !StartFile.exists(certificateFile)
        else { return nil }
        guard mkdir(folder.tls(""), 0o700) == 0 || errno == EEXIST else {
            throw StartProblem("'\(folder.tls(""))' cannot be made: \(String(cString: strerror(errno)))")
        }
        let authority = try self.authority() ?? newAuthority(replacing: end != nil)
        try makeServer(authority)
        return try read()
    }

    private func read() throws -> TLSIdentity {
        guard let chain = try StartFile.contents(of: certificateFile), let secret = try StartFile.contents(of: keyFile) else {
            throw StartProblem(
                "'\(keyFile)' is missing beside its certificate. Restore it, or move '\(folder.tls(""))' away: then a new authority is made, which clients must trust anew"
            )
        }
        return TLSIdentity(certificateChain: chain, privateKey: secret)
    }

    /// When the file's first certificate expires; nil if there is no certificate.
    private static func end(of file: String) throws -> Date? {
        guard let text = try StartFile.text(of: file), let first = try? PEMDocument.parseMultiple(pemString: text).first
        else { return nil }
        return try? X509.Certificate(pemDocument: first).notValidAfter
    }

    private struct Authority {
        let key: P256.Signing.PrivateKey
        let certificate: X509.Certificate
    }

    /// The stored authority, if its key is there and it outlasts another certificate.
    private func authority() throws -> Authority? {
        guard let keyText = try StartFile.text(of: authorityKeyFile),
            let key = try? P256.Signing.PrivateKey(pemRepresentation: keyText),
            let text = try StartFile.text(of: authorityFile), let certificate = try? X509.Certificate(pemEncoded: text),
            certificate.publicKey == X509.Certificate.PublicKey(key.publicKey),
            certificate.notValidAfter > Date().addingTimeInterval(Self.serverDays * 86_400)
        else { return nil }
        return Authority(key: key, certificate: certificate)
    }

    private func newAuthority(replacing isAnother: Bool) throws -> Authority {
        let key = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName("Weir self-made authority") }
        let authority = try certificate(
            for: key.publicKey, named: name, signedBy: key, issuer: name, days: Self.authorityDays,
            X509.Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            })
        try folder.write(key.pemRepresentation + "\n", to: authorityKeyFile, isReplacing: true)
        try folder.write(try authority.serializeAsPEM().pemString + "\n", to: authorityFile, isReplacing: true)
        if isAnother {
            logger.warning(
                "The self-made certificate was near its end and its authority's key is not kept: both are new. Clients must trust ca.crt anew",
                metadata: ["file": "\(authorityFile)"])
        }
        return Authority(key: key, certificate: authority)
    }

    private func makeServer(_ authority: Authority) throws {
        let key = P256.Signing.PrivateKey()
        let server = try certificate(
            for: key.publicKey, named: try DistinguishedName { CommonName(names.first ?? "localhost") },
            signedBy: authority.key, issuer: authority.certificate.subject, days: Self.serverDays,
            X509.Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames(names.map(Self.alternativeName))
            })
        try folder.write(key.pemRepresentation + "\n", to: keyFile, isReplacing: true)
        try folder.write(
            try server.serializeAsPEM().pemString + "\n" + authority.certificate.serializeAsPEM().pemString + "\n",
            to: certificateFile, isReplacing: true)
    }

    private func certificate(
        for key: P256.Signing.PublicKey, named subject: DistinguishedName,
        signedBy issuerKey: P256.Signing.PrivateKey, issuer: DistinguishedName, days: Double,
        _ extensions: X509.Certificate.Extensions
    ) throws -> X509.Certificate {
        let now = Date()
        return try X509.Certificate(
            version: .v3, serialNumber: X509.Certificate.SerialNumber(),
            publicKey: X509.Certificate.PublicKey(key), notValidBefore: now.addingTimeInterval(-3_600),
            // Clients refuse server certificates of more than 825 days.
            notValidAfter: now.addingTimeInterval(days * 86_400), issuer: issuer, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions,
            issuerPrivateKey: X509.Certificate.PrivateKey(issuerKey))
    }

    /// An IP address becomes an address entry: clients do not compare it with names.
    private static func alternativeName(_ name: String) -> GeneralName {
        guard let address = IPAddress(name) else { return .dnsName(name) }
        return .ipAddress(ASN1OctetString(contentBytes: address.bytes[...]))
    }
}
