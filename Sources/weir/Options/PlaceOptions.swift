import ArgumentParser

/// Options of `weir serve`: what it keeps where, and as whom clients reach it.
struct PlaceOptions: ParsableArguments {
    @Option(help: .init("A JSON file with settings.", valueName: "file"))
    var config: String?
    @Option(help: .init("The folder that keeps everything. (default: ./weir-data)", valueName: "folder"))
    var data: String?
    @Option(help: .init("Where to listen. (default: 127.0.0.1:5050)", valueName: "host:port"))
    var listen: String?
    @Option(
        help: .init(
            "The server as clients reach it: printed in repository URIs. (default: localhost and the port)",
            valueName: "host[:port]"))
    var publicHost: String?
    @Option(
        name: .customLong("public-url"),
        help: .init(
            "The same with its scheme, where a proxy ends the clients' TLS. Instead of --public-host.",
            valueName: "https://host[:port]"))
    var publicURL: String?
    @Option(
        help: .init(
            "The account of the root access key, and of what concerns the whole server. (default: 123456789012)",
            valueName: "id"))
    var account: String?
    @Option(
        help: .init("The region in the credentials file that is made on first start. (default: us-east-1)", valueName: "name"))
    var region: String?

    func put(in values: inout OptionValues) {
        values.put(.data, data)
        values.put(.listen, listen)
        values.put(.publicHost, publicHost)
        values.put(.publicURL, publicURL)
        values.put(.account, account)
        values.put(.region, region)
    }
}

/// Options of `weir serve` for TLS.
struct TLSOptions: ParsableArguments {
    @Option(help: .init("A PEM file with the server's certificate chain.", valueName: "file"))
    var tlsCertificate: String?
    @Option(help: .init("A PEM file with the certificate's key.", valueName: "file"))
    var tlsKey: String?
    @Flag(help: "Speak TLS with a certificate that is made on first start; DATA/tls/ca.crt is what clients must trust.")
    var tlsSelfSigned = false

    func put(in values: inout OptionValues) {
        values.put(.tlsCertificate, tlsCertificate)
        values.put(.tlsKey, tlsKey)
        values.put(.tlsSelfSigned, tlsSelfSigned)
    }
}
