/// A variable that sets what has no option and no key in the file, because a command line and a file are read by too many.
package struct EnvironmentVariable: Sendable {
    package let name: String
    /// What it gives, in Markdown.
    package let help: String
    /// Whether the variable is wiped out of the environment as soon as it has been read.
    package let isSecret: Bool

    private init(_ name: String, isSecret: Bool = true, _ help: String) {
        (self.name, self.isSecret, self.help) = (name, isSecret, help)
    }

    static let rootKey = EnvironmentVariable(
        "WEIR_ROOT_KEY", "64 hexadecimal digits: the root key, instead of `DATA/root.key`")
    static let rootKeyFile = EnvironmentVariable(
        "WEIR_ROOT_KEY_FILE", isSecret: false,
        "a file that holds the root key in the same form, such as a mounted secret; it must be there")
    static let rootAccessKeyID = EnvironmentVariable(
        "WEIR_ROOT_ACCESS_KEY_ID", isSecret: false,
        "the root access key, instead of the one that is made on first start and written to `DATA/credentials`: as long as the server runs with it, it is the account's only one"
    )
    static let rootSecretAccessKey = EnvironmentVariable("WEIR_ROOT_SECRET_ACCESS_KEY", "the secret of that key")
    static let metricsToken = EnvironmentVariable("WEIR_METRICS_TOKEN", "the same as `--metrics-token-file`, without a file")
    static let eventsWebhookSecret = EnvironmentVariable("WEIR_EVENTS_WEBHOOK_SECRET", "signs what is posted to the webhook")

    package static let all = [
        rootKey, rootKeyFile, rootAccessKeyID, rootSecretAccessKey, metricsToken, eventsWebhookSecret,
    ]

    /// The variable that names the file of settings.
    static let configFile = "WEIR_CONFIG"
}
