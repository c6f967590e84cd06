import CoreFoundation
import Glibc
import WeirCore
import WeirRegistry
import WeirSettings

extension MachineClocks {
    /// Linux's clocks. The steady one counts from boot and agrees with /proc/uptime, which a faked clock does not change.
    static let system: MachineClocks = {
        let boot = (try? StartFile.text(of: "/proc/sys/kernel/random/boot_id")) ?? nil
        return MachineClocks(
            wall: { Timestamp(microseconds: read(CLOCK_REALTIME)) }, uptime: { .microseconds(read(CLOCK_BOOTTIME)) },
            boot: boot.map { $0.filter { !$0.isWhitespace } } ?? "unknown-\(UInt64.random(in: .min ... .max))")
    }()

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        guard clock_gettime(clock, &time) == 0 else { return 0 }
        // A clock may show anything: bounded, so that arithmetic cannot overflow.
        return min(max(Int64(time.tv_sec), -(1 << 40)), 1 << 40) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
