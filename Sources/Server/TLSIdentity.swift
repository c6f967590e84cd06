/// A certificate chain and its key, PEM: the bytes of the files. Neither `description` nor a mirror shows
/// them: the key must not get into a log.
package struct TLSIdentity: Sendable, CustomStringConvertible, CustomReflectable {
    package let certificateChain: [UInt8]
    package let privateKey: [UInt8]

    package init(certificateChain: [UInt8], privateKey: [UInt8]) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }

    package var description: String { "(a TLS identity)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
