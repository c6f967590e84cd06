import Logging
import Metrics
import ServiceLifecycle
import WeirCore
import WeirIdentity
import WeirStorage

/// Regular upkeep while the server runs: every minute, checkpoints of weir.db and when keys were last used; a check of the free
/// room every 5 seconds.
struct Upkeep: Service {
    private static let period = Duration.seconds(5)
    private static let tidies = 12

    let database: SQLiteDatabase
    let room: VolumeRoom
    let accessKeys: AccessKeys
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var count = 0
            var wasShort = false
            while !Task.isCancelled {
                wasShort = watch(wasShort)
                try? await Task.sleep(for: Self.period)
                count += 1
                if count % Self.tidies == 0 {
                    await writeLastUses()
                    await database.tidy()
                }
            }
        }
        await writeLastUses()
    }

    private func writeLastUses() async {
        do { try await accessKeys.writeLastUses() } catch {
            logger.warning("When access keys were last used could not be written", metadata: ["error": "\(error)"])
        }
    }

    /// Logs once when the room is used up, and once when there is some again.
    private func watch(_ wasShort: Bool) -> Bool {
        let shortage = room.shortage
        if shortage == 0 { room.restoreBallast() }
        let isShort = shortage > 0
        guard isShort != wasShort else { return isShort }
        Gauge(label: "weir_disk_short").record(isShort ? 1 : 0)
        if isShort {
            logger.error(
                "The volume is full but for its reserve: pushes are refused, pulls go through unstored. Free some space, or give the volume more",
                metadata: [
                    "disk.missing_bytes": .stringConvertible(shortage), "disk.reserve_bytes": .stringConvertible(room.reserve),
                ])
        } else {
            logger.notice("There is room on the volume again", metadata: ["disk.reserve_bytes": .stringConvertible(room.reserve)])
        }
        return isShort
    }
}
