import WeirCore
import WeirServer

/// What the settings say of the start: of the folder that it finds, and of the process itself.
extension Values {
    mutating func readStart(_ settings: inout Settings) async {
        for (key, doubt) in [
            (Settings.Key.acceptEmptyDatabase, StoreBond.Doubt.emptyDatabase), (.acceptOlderDatabase, .olderDatabase),
            (.acceptMissingBlobs, .otherStore),
        ] where await bool(key) == true {
            settings.acceptedDoubts.insert(doubt)
        }
        if let text = await string(.reserve) {
            settings.reserve = ByteSize(text)?.bytes
            if settings.reserve == nil { problems.append("reserve: '\(text)' is no size such as 2GiB") }
        }
        settings.allowsCoreDumps = await bool(.allowCoreDumps) ?? false
    }

    /// A file that a setting names: problems are told together with all others, and why it cannot be read.
    mutating func checkFile(_ path: String, _ name: String) {
        do throws(StartProblem) {
            if try StartFile.contents(of: path) == nil { problems.append("\(name) '\(path)' cannot be read: it is not there") }
        } catch {
            problems.append("\(name) cannot be read: \(error)")
        }
    }
}

/// How clients reach the server.
extension Values {
    mutating func readPublicAddress(_ settings: inout Settings) async {
        let host = await string(.publicHost)
        let url = await string(.publicURL)
        do throws(PublicAddress.Problem) {
            if let host {
                try PublicAddress.check(host, in: host)
                settings.publicHost = host
            }
        } catch {
            problems.append("publicHost: \(error): give HOST[:PORT], without scheme and path, or the whole as publicURL")
        }
        do throws(PublicAddress.Problem) {
            guard let url else { return }
            let address = try PublicAddress(url: url)
            if let host, host != address.host {
                problems.append("publicURL names '\(address.host)' and publicHost '\(host)': give publicURL alone")
            }
            (settings.publicHost, settings.publicScheme) = (address.host, address.scheme)
        } catch {
            problems.append("publicURL: \(error)")
        }
    }
}

/// Files that the settings name.
extension Values {
    /// A certificate and its key: they are there, can be read, and belong together.
    mutating func checkTLS(certificate: String, key: String) {
        let before = problems.count
        for path in [certificate, key] { checkFile(path, "the TLS file") }
        guard problems.count == before, let chain = try? StartFile.contents(of: certificate),
            let secret = try? StartFile.contents(of: key)
        else { return }
        let identity = TLSIdentity(certificateChain: chain, privateKey: secret)
        switch identity.problem {
        case nil: break
        case .noCertificate: problems.append("the TLS file '\(certificate)' holds no certificate in PEM form")
        case .noKey:
            problems.append("the TLS file '\(key)' holds no private key in PEM form, or one that is locked by a password")
        case .notItsKey: problems.append("the key in '\(key)' is not that of the first certificate in '\(certificate)'")
        }
    }
}

extension SettingsReader {
    /// Why a file holds no settings at all, with the line where that shows; nil where it may.
    static func problem(ofFile path: String) -> String? {
        let bytes: [UInt8]?
        do throws(StartProblem) { bytes = try StartFile.contents(of: path) } catch { return "the settings file: \(error)" }
        guard let bytes else { return "the settings file '\(path)' is not there" }
        do throws(JSONError) {
            guard case .object = try JSONValue(parsing: bytes) else {
                return "the settings file '\(path)' is no JSON object: {\"data\": …}"
            }
            return nil
        } catch {
            let before = bytes.prefix(error.offset)
            let line = before.count(where: { $0 == UInt8(ascii: "\n") }) + 1
            let column = before.count - (before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0) + 1
            return "the settings file '\(path)' is no JSON: \(error.reason) in line \(line), column \(column)"
        }
    }
}
