import CPlatform
import Foundation
import Testing

/// What a process prints when it dies, tried on processes that die.
@Suite struct DeathTests {
    /// The signal of a Swift trap: `ud2` on x86, `brk` on ARM.
    #if arch(x86_64)
        static let trap = SIGILL
    #else
        static let trap = SIGTRAP
    #endif

    @Test func aTrapIsToldInOneLineOfJSON() async throws {
        let result = await #expect(processExitsWith: .signal(Self.trap), observing: [\.standardErrorContent]) {
            weir_tell_of_death()
            weir_tell_of_death_in_json(1)
            // An overflow, as a number from outside causes it.
            let number = Int64(ProcessInfo.processInfo.environment["NO_SUCH_NUMBER"] ?? "9223372036854775807") ?? 0
            print(number + Int64(CommandLine.arguments.count))
        }
        let line = try #require(Self.lines(result).first { $0.hasPrefix("{") && $0.contains("weir.crash") })
        let members = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
        #expect(members["level"] == "critical")
        #expect(members["signal"] == "\(Self.trap)")
        #expect(members["at"]?.contains("+0x") == true)
        #expect(members["frames"]?.isEmpty == false)
        #expect(members["build"]?.isEmpty == false)
        #expect(members["time"]?.hasSuffix("Z") == true)
    }

    @Test func aSignalThatWasSentIsTold() async {
        let result = await #expect(processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]) {
            weir_tell_of_death()
            raise(SIGSEGV)
        }
        #expect(Self.lines(result).contains { $0.contains("The program died of SIGSEGV (sent by a process)") })
    }

    @Test func aThreadWithoutStackCanStillSaySo() async {
        let result = await #expect(processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]) {
            weir_tell_of_death()
            Thread { print(Self.deeper(0)) }.start()
            while true { sleep(1) }
        }
        #expect(
            Self.lines(result).contains {
                $0.contains("The program died of SIGSEGV (memory that is not there, or a stack that is full)")
            })
    }

    @inline(never) private static func deeper(_ depth: Int) -> Int {
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 64) { room in
            room[depth % 64] = depth
            return deeper(depth + 1) + room[depth % 64]
        }
    }

    private static func lines(_ result: ExitTest.Result?) -> [String] {
        String(decoding: result?.standardErrorContent ?? [], as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

@Suite struct DescriptorTests {
    @Test func theLastDescriptorsAreTheLibraries() async {
        await #expect(processExitsWith: .success) {
            var limit = rlimit(rlim_cur: 256, rlim_max: 256)
            guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { fatalError("no limit can be set") }
            // Closes what this process inherited: sockets of parallel tests. Its pipes lead to the test library.
            for inherited in CInt(3)..<4096 {
                var status = stat()
                if fstat(inherited, &status) == 0, status.st_mode & S_IFMT != S_IFIFO { close(inherited) }
            }
            weir_make_room_for_descriptors(256)
            var opened = 0
            while weir_open("/dev/null", O_RDONLY, 0) >= 0 { opened += 1 }
            guard errno == EMFILE, (50...192).contains(opened) else { fatalError("\(opened) were opened, then \(errno)") }
            let new = "/tmp/weir-descriptors-\(getpid())"
            guard weir_open(new, O_RDWR | O_CREAT | O_EXCL, 0o600) < 0, access(new, F_OK) != 0 else {
                fatalError("a new file takes the readers' place")
            }
            // There are descriptors left for files that libraries open.
            guard open("/proc/self/stat", O_RDONLY) >= 0 else { fatalError("nothing is left for the libraries") }
        }
    }
}
