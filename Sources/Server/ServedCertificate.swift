import NIOSSL
import Synchronization

/// The certificate for new connections; nil for plain HTTP.
final class ServedCertificate: Sendable {
    private let current = Mutex<NIOSSLContext?>(nil)

    var context: NIOSSLContext? { current.withLock { $0 } }

    func use(_ identity: TLSIdentity?) throws {
        let context = try identity.map { try NIOSSLContext(configuration: Self.configuration($0)) }
        current.withLock { $0 = context }
    }

    private static func configuration(_ identity: TLSIdentity) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(identity.certificateChain).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: identity.privateKey, format: .pem)))
        configuration.minimumTLSVersion = .tlsv12
        // HTTP/2's windows are fixed at 64 KiB in this stack: an upload over a long line would crawl.
        configuration.applicationProtocols = ["http/1.1"]
        return configuration
    }
}

extension TLSIdentity {
    /// What is wrong with a certificate and its key.
    package enum Problem: Sendable {
        case noCertificate, noKey, notItsKey
    }

    /// Nil where a server can use the two.
    package var problem: Problem? {
        guard let chain = try? NIOSSLCertificate.fromPEMBytes(certificateChain), !chain.isEmpty else { return .noCertificate }
        guard let key = try? NIOSSLPrivateKey(bytes: privateKey, format: .pem) else { return .noKey }
        let configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        return (try? NIOSSLContext(configuration: configuration)) == nil ? .notItsKey : nil
    }
}
