import Synchronization

/// Thrown by a suite where the driver does not do what its port promises. The suites need no test framework: a test calls them, and
/// any error fails it.
package struct ConformanceFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// One check of a suite. An error in it is reported with the check's name.
func check(_ name: String, _ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch {
        throw ConformanceFailure("\(name): \(error)")
    }
}

func expect(_ condition: Bool, _ fact: @autoclosure () -> String, line: Int = #line) throws {
    guard condition else { throw ConformanceFailure("not true: \(fact()) (line \(line))") }
}

func expect<Value: Equatable>(_ value: Value, is wanted: Value, line: Int = #line) throws {
    guard value == wanted else { throw ConformanceFailure("\(value) is not \(wanted) (line \(line))") }
}

/// Returns the error that `body` throws. Throws itself where there is none, or one of another type.
func caught<Failure: Error, Value>(
    _ type: Failure.Type, line: Int = #line, _ body: () async throws -> Value
) async throws -> Failure {
    do {
        _ = try await body()
    } catch let error as Failure {
        return error
    }
    throw ConformanceFailure("no \(type) was thrown (line \(line))")
}

/// Raised once, seen by all.
final class Flag: Sendable {
    private let value = Atomic(false)

    var isUp: Bool { value.load(ordering: .acquiring) }
    func raise() { value.store(true, ordering: .releasing) }
}
