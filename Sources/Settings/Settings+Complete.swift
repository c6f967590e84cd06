import WeirCore
import WeirServer
import WeirText

/// What is left when each setting has been read by itself: what the environment alone gives, and what must fit together.
extension Settings {
    mutating func complete(from environment: [String: String], _ problems: inout [String]) {
        func value(_ variable: EnvironmentVariable) -> String? { environment[variable.name] }
        eventsWebhookSecret = value(.eventsWebhookSecret)
        readKeys(value, &problems)
        readMetricsToken(value(.metricsToken), &problems)
        checkTLS(&problems)
        if let host = publicHost, let address = publicAddress, host != address.host {
            problems.append("publicURL names '\(address.host)' and publicHost '\(host)': give publicURL alone")
        }
    }

    private mutating func readKeys(_ value: (EnvironmentVariable) -> String?, _ problems: inout [String]) {
        switch (value(.rootAccessKeyID), value(.rootSecretAccessKey)) {
        case (nil, nil): break
        case (let id?, let secret?) where (16...128).contains(id.utf8.count) && secret.utf8.count >= 16:
            rootAccessKey = RootAccessKey(id: id, secret: secret)
        default:
            problems.append(
                "WEIR_ROOT_ACCESS_KEY_ID (16 to 128 characters) and WEIR_ROOT_SECRET_ACCESS_KEY (16 or more) are given together or not at all"
            )
        }
        rootKeyFile = value(.rootKeyFile)
        guard let text = value(.rootKey) else { return }
        rootKey = Hex.decode(text)
        // `RootKey.size`, which Vault knows.
        if rootKey?.count != 32 { problems.append("WEIR_ROOT_KEY is not 64 hexadecimal digits") }
        if rootKeyFile != nil { problems.append("WEIR_ROOT_KEY and WEIR_ROOT_KEY_FILE are not given together") }
    }

    private mutating func readMetricsToken(_ given: String?, _ problems: inout [String]) {
        var token = given
        if let file = metricsTokenFile {
            do throws(StartProblem) {
                token = try StartFile.text(of: file)
                if token == nil { problems.append("metricsTokenFile: '\(file)' cannot be read: it is not there") }
            } catch {
                problems.append("metricsTokenFile: \(error)")
            }
        }
        metricsToken = token.map { String($0.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()) }
        if let metricsToken, metricsToken.utf8.count < 16 {
            problems.append("the token for the metrics has fewer than 16 characters")
        }
    }

    /// A certificate and its key: they are there, can be read, and belong together.
    private func checkTLS(_ problems: inout [String]) {
        if isTLSSelfSigned {
            if tlsCertificate != nil || tlsKey != nil { problems.append("tlsSelfSigned goes without tlsCertificate and tlsKey") }
            return
        }
        guard let certificate = tlsCertificate, let key = tlsKey else {
            if tlsCertificate != nil || tlsKey != nil {
                problems.append("tlsCertificate and tlsKey are given together or not at all")
            }
            return
        }
        let chain = Self.contents(of: certificate, &problems)
        let secret = Self.contents(of: key, &problems)
        guard let chain, let secret else { return }
        switch TLSIdentity(certificateChain: chain, privateKey: secret).problem {
        case nil: break
        case .noCertificate: problems.append("the TLS file '\(certificate)' holds no certificate in PEM form")
        case .noKey:
            problems.append("the TLS file '\(key)' holds no private key in PEM form, or one that is locked by a password")
        case .notItsKey: problems.append("the key in '\(key)' is not that of the first certificate in '\(certificate)'")
        }
    }

    private static func contents(of path: String, _ problems: inout [String]) -> [UInt8]? {
        do throws(StartProblem) {
            if let bytes = try StartFile.contents(of: path) { return bytes }
            problems.append("the TLS file '\(path)' cannot be read: it is not there")
        } catch {
            problems.append("the TLS file cannot be read: \(error)")
        }
        return nil
    }
}
