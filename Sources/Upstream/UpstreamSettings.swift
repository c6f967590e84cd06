import NIOSSL
package import WeirCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How upstream registries are reached.
package struct UpstreamSettings: Sendable {
    /// Where a host is really reached: `public.ecr.aws` to `http://127.0.0.1:5100/mirror`. The operator's word is trusted: plain
    /// http and private addresses are allowed for that upstream, and only for it.
    package var overrides: [String: String]
    /// Hosts whose upstream may live at a private address.
    package var allowPrivate: Set<String>
    /// Hosts that may ask for an upstream's login besides its own: upstream host to realm hosts.
    package var trustedRealms: [String: Set<String>]
    package var timeouts: Timeouts
    /// A PEM file of authorities trusted besides the system's.
    package var additionalTrustRoots: String?
    /// A PEM file, or a folder of them, trusted instead of the system's bundle. By default what `SSL_CERT_FILE` names.
    package var systemTrustRoots: String?
    /// PEM files of authorities trusted for one host (or host:port), besides the others.
    package var trustRootsByHost: [String: String] = [:]
    /// Connections to one host. Further requests wait, no longer than a connection may take. What rules may ask at a time is far
    /// below it.
    package var connectionsPerHost: Int
    /// When a server's circuit opens, and for how long.
    package var breaker = Circuit.Rules()
    /// The `User-Agent`: some registries refuse clients without one, and some want to know whom to write to.
    package var userAgent = WeirVersion.userAgent()
    /// How long the link to a blob is used again for its other parts. A refused link is asked for anew at once.
    package var redirectsKeptFor: Duration = .seconds(60)
    /// This server's own keys at AWS, for ECR registries whose rule has no secret; nil for none.
    package var awsIdentity: AWSKeys?
    /// The accounts whose rules may use `awsIdentity`. Any other account would act in this server's name at AWS.
    package var awsIdentityAccounts: Set<AccountID> = []
    /// A transfer with fewer bytes over `progressWindow` of waiting is cut off, and resumed on another connection.
    package var minimumBytesPerSecond = 512
    package var progressWindow: Duration = .seconds(30)
    /// The largest read from a socket: a big blob comes in parts of this size. 64 KiB costs half the throughput of 1 MiB.
    package var maxReadBytes: Int

    package struct Timeouts: Sendable {
        /// To a connection, TLS included.
        package var connect: Duration
        /// From a request to the head of its answer.
        package var head: Duration
        /// Without a byte while one is wanted. The time of a slow reader of ours does not count.
        package var idle: Duration
        /// For a whole small document: a manifest, a token.
        package var document: Duration

        package init(
            connect: Duration = .seconds(10), head: Duration = .seconds(30), idle: Duration = .seconds(60),
            document: Duration = .seconds(60)
        ) {
            self.connect = connect
            self.head = head
            self.idle = idle
            self.document = document
        }
    }

    package init(
        overrides: [String: String] = [:], allowPrivate: Set<String> = [],
        trustedRealms: [String: Set<String>] = [:], timeouts: Timeouts = Timeouts(),
        additionalTrustRoots: String? = nil,
        systemTrustRoots: String? = ProcessInfo.processInfo.environment["SSL_CERT_FILE"],
        connectionsPerHost: Int = 512, maxReadBytes: Int = 1024 * 1024
    ) {
        self.overrides = overrides
        self.allowPrivate = allowPrivate
        self.trustedRealms = trustedRealms
        self.timeouts = timeouts
        self.additionalTrustRoots = additionalTrustRoots
        self.systemTrustRoots = systemTrustRoots.flatMap { $0.isEmpty ? nil : $0 }
        self.connectionsPerHost = connectionsPerHost
        self.maxReadBytes = maxReadBytes
    }

    /// Everything that is wrong with these settings, a sentence each.
    package var problems: [String] {
        var problems: [String] = []
        for (host, text) in overrides.sorted(by: { $0.key < $1.key }) {
            do throws(URLRefusal) {
                let url = try OutboundURL(text)
                if url.query != nil { problems.append("the upstream \(host) cannot have a URL with a query") }
            } catch {
                problems.append("the URL of the upstream \(host) \(error.reason)")
            }
        }
        for path in [additionalTrustRoots].compactMap({ $0 }) + trustRootsByHost.values.sorted() {
            do {
                if try NIOSSLCertificate.fromPEMFile(path).isEmpty {
                    problems.append("the file of trusted authorities '\(path)' holds none")
                }
            } catch {
                problems.append("the file of trusted authorities '\(path)' cannot be read as PEM")
            }
        }
        for host in trustRootsByHost.keys.sorted() where (try? OutboundURL("https://\(host)")) == nil {
            problems.append("'\(host)', which has trusted authorities of its own, is no host")
        }
        return problems
    }
}

/// The settings cannot be used; says everything that is wrong with them.
package struct UpstreamSettingsError: Error, CustomStringConvertible {
    package let problems: [String]

    package var description: String { problems.joined(separator: "; ") }
}
