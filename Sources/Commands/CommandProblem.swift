/// Why a command failed, for the operator: what happened, and what to do next.
package struct CommandProblem: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
