import Logging
import WeirApplication
import WeirIdentity
import WeirRegistry
import WeirServer
import WeirSettings
import WeirWeb

extension Settings {
    /// What the application is told of these settings.
    func application(_ web: WebSettings) -> Application.Settings {
        var application = Application.Settings(home: registry, web: web)
        application.sealing = sealing
        application.pulls = Pulls.Settings(freshness: freshness, rememberMissing: rememberMissing)
        application.upstreams = upstreamPolicy
        application.collection = collection
        application.uploads.window = uploadWindow
        application.lifecycle = lifecycle
        application.tokens.lifetime = registryTokenLifetime
        application.tokens.endsWithSession = registryTokenEndsWithSession
        application.tokens.takesUserKeys = iamUserPasswords == .on
        application.authorization = authorization
        return application
    }

    /// What the web server is told. Its certificate is made in the folder, where that is wanted and there is none.
    func web(in folder: DataFolder, logger: Logger) throws -> WebSettings {
        var web = WebSettings(
            server: ServerSettings(
                host: host, port: port, tls: try tlsIdentity(in: folder, logger: logger), maxConnections: connections(logger),
                connectionsPerAddress: connectionsPerAddress, downloadPatience: downloadPatience),
            publicHost: reachedAs)
        web.publicScheme = scheme.rawValue
        web.version = Version.text
        web.anonymousPulls = allowsAnonymousPulls ? registry : nil
        web.metricsAccess = metricsAccess
        web.metricsAt = metricsAt.map { ($0.host, $0.port) }
        if tls == .selfSigned {
            web.server.renewedTLS = { try selfSigned(in: folder, logger: logger).renewed() }
        }
        return web
    }

    /// The wanted number of connections, limited by the descriptors available.
    private func connections(_ logger: Logger) -> Int {
        let connections = OpenFiles.connections(wanted: maxConnections)
        if connections < maxConnections {
            logger.warning(
                "Fewer connections are let in than are wanted: the process may open too few files. Raise its limit",
                metadata: ["connections": .stringConvertible(connections), "files.limit": .stringConvertible(OpenFiles.limit)])
        }
        return connections
    }

    /// The self-made certificate for the names under which the server is reached.
    func selfSigned(in folder: DataFolder, logger: Logger) -> SelfSignedCertificate {
        var names = [PublicAddress.name(in: reachedAs), "localhost", "127.0.0.1"]
        if host != "0.0.0.0", host != "::" { names.append(host) }
        return SelfSignedCertificate(
            folder: folder, names: names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }, logger: logger)
    }

    /// The certificate and its key, if TLS is on; created if that is wanted and there is none.
    func tlsIdentity(in folder: DataFolder, logger: Logger) throws -> TLSIdentity? {
        switch tls {
        case .none: return nil
        case .selfSigned: return try selfSigned(in: folder, logger: logger).identity()
        case .files(let certificate, let key):
            guard let chain = try StartFile.contents(of: certificate) else {
                throw StartProblem("the TLS file '\(certificate)' is not there")
            }
            guard let secret = try StartFile.contents(of: key) else { throw StartProblem("the TLS file '\(key)' is not there") }
            return TLSIdentity(certificateChain: chain, privateKey: secret)
        }
    }
}
