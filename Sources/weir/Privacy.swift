import CPlatform
import Glibc

/// Keeps secrets away from other users of the machine: out of the environment, core dumps and debuggers.
enum Privacy {
    /// Variables with secrets that are read once. AWS's own variables stay: they are read when an upstream needs them.
    private static let secrets = [
        "WEIR_ROOT_KEY", "WEIR_ROOT_SECRET_ACCESS_KEY", "WEIR_EVENTS_WEBHOOK_SECRET", "WEIR_METRICS_TOKEN",
    ]

    /// Overwrites the secrets in the environment, in `/proc/PID/environ` too, so that no child process and no reader of that file
    /// gets them. Call it once, after they have been read, and before other threads read the environment.
    static func forgetSecrets() {
        for name in secrets { weir_forget_variable(name) }
    }

    /// Memory holds every key: no core dumps, and no debugger except root's.
    static func keepMemory(allowingCoreDumps: Bool) {
        if !allowingCoreDumps { weir_keep_memory_private() }
    }
}
