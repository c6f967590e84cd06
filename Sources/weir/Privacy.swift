import CPlatform
import Glibc

/// Keeps what is secret out of what others on the machine may look at: the environment, a core dump, a debugger.
enum Privacy {
    /// Variables that hold secrets and are read once. AWS's own stay: they are read when an upstream needs them.
    private static let secrets = [
        "WEIR_ROOT_KEY", "WEIR_ROOT_SECRET_ACCESS_KEY", "WEIR_EVENTS_WEBHOOK_SECRET", "WEIR_METRICS_TOKEN",
    ]

    /// Wipes the secrets that came with the environment, in `/proc/PID/environ` too, so that no child and no reader of it gets
    /// them. Call it once, when they have been read, and before other threads read the environment.
    static func forgetSecrets() {
        for name in secrets { weir_forget_variable(name) }
    }

    /// Memory holds every key: no core dump, and no debugger but root's.
    static func keepMemory(allowingCoreDumps: Bool) {
        if !allowingCoreDumps { weir_keep_memory_private() }
    }
}
