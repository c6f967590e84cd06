import CPlatform
import Glibc
import WeirSettings

/// Keeps secrets away from other users of the machine: out of the environment, core dumps and debuggers.
enum Privacy {
    /// Wipes the secrets that came with the environment, in `/proc/PID/environ` too, so that no child and no reader of it gets
    /// them. AWS's own stay: they are read when an upstream needs them.
    ///
    /// Call it once, when they have been read, and before other threads read the environment.
    static func forgetSecrets() {
        for variable in EnvironmentVariable.all where variable.isSecret { weir_forget_variable(variable.name) }
    }

    /// Memory holds every key: no core dumps, and no debugger except root's.
    static func keepMemory(allowingCoreDumps: Bool) {
        if !allowingCoreDumps { weir_keep_memory_private() }
    }
}
