import Synchronization

/// Thrown by an exam where the driver does not do what its port promises. Exams need no test framework: a test calls them, and
/// any error fails it.
package struct ExamFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// One question of an exam. An error in it is reported with the question's name.
func question(_ name: String, _ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch {
        throw ExamFailure("\(name): \(error)")
    }
}

func expect(_ condition: Bool, _ fact: @autoclosure () -> String, line: Int = #line) throws {
    guard condition else { throw ExamFailure("not true: \(fact()) (line \(line))") }
}

func expect<Value: Equatable>(_ value: Value, is wanted: Value, line: Int = #line) throws {
    guard value == wanted else { throw ExamFailure("\(value) is not \(wanted) (line \(line))") }
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
    throw ExamFailure("no \(type) was thrown (line \(line))")
}

/// Raised once, seen by all.
final class Flag: Sendable {
    private let value = Atomic(false)

    var isUp: Bool { value.load(ordering: .acquiring) }
    func raise() { value.store(true, ordering: .releasing) }
}
