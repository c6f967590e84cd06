import ArgumentParser

/// Numbers on a command line. Options take them with `parsing: .unconditional`, so that `-3` is reported as too small and not as
/// missing.
enum Numbers {
    /// In seconds, a year: the longest duration that the server takes.
    private static let year: Int64 = 31_536_000

    @Sendable static func seconds(_ text: String) throws -> Int64 {
        guard let number = Int64(text), (0...year).contains(number) else {
            throw ValidationError("it must be a whole number of seconds, from 0 to \(year), a year")
        }
        return number
    }

    @Sendable static func count(_ text: String) throws -> Int64 {
        guard let number = Int64(text), number > 0 else { throw ValidationError("it must be a whole number, 1 or more") }
        return number
    }

    @Sendable static func rate(_ text: String) throws -> Double {
        guard let number = Double(text), number > 0, number.isFinite else {
            throw ValidationError("it must be a number greater than 0")
        }
        return number
    }
}
