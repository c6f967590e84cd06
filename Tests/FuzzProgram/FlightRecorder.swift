import Glibc

/// The input that a worker runs, in a file that survives the worker. It is mapped: writing is cheap, and a crash loses nothing.
struct FlightRecorder {
    static let targets = 64
    private static let room = 1 << 20
    private static let head = 32 + targets * 8

    private let memory: UnsafeMutableRawPointer

    /// Makes the file, or opens the one that is there.
    init(path: String) {
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0, ftruncate(file, off_t(Self.room)) == 0,
            let mapped = mmap(nil, Self.room, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), mapped != MAP_FAILED
        else { fatalError("\(path) cannot be mapped: \(String(cString: strerror(errno)))") }
        close(file)
        memory = mapped
    }

    func clear() { memory.initializeMemory(as: UInt8.self, repeating: 0, count: Self.head) }

    /// Records the run that begins now.
    func note(_ input: [UInt8], target: Int) {
        memory.storeBytes(of: target, toByteOffset: 8, as: Int.self)
        memory.storeBytes(of: min(input.count, Self.room - Self.head), toByteOffset: 16, as: Int.self)
        input.withUnsafeBytes {
            memory.advanced(by: Self.head).copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(memory), byteCount: input.count)
        }
        let count = 32 + target * 8
        memory.storeBytes(of: memory.load(fromByteOffset: count, as: Int.self) + 1, toByteOffset: count, as: Int.self)
        memory.storeBytes(of: executions + 1, toByteOffset: 0, as: Int.self)
    }

    var executions: Int { memory.load(fromByteOffset: 0, as: Int.self) }
    func executions(of target: Int) -> Int { memory.load(fromByteOffset: 32 + target * 8, as: Int.self) }

    /// The last run that was begun.
    var last: (target: Int, input: [UInt8]) {
        let size = memory.load(fromByteOffset: 16, as: Int.self)
        return (
            memory.load(fromByteOffset: 8, as: Int.self),
            Array(UnsafeRawBufferPointer(start: memory.advanced(by: Self.head), count: size))
        )
    }
}
