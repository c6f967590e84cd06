package import ArgumentParser

/// Suggests a known word for a misspelt one.
package enum Nearest {
    /// The known word within two typing errors (a letter wrong, missing, extra, or two swapped), or within one for words of up to
    /// three letters; nil if there is none.
    package static func to(_ word: String, of words: [String]) -> String? {
        let allowed = word.count < 4 ? 1 : 2
        let distances = words.map { (word: $0, distance: distance(Array(word.lowercased()), Array($0.lowercased()))) }
        return distances.filter { $0.distance <= allowed }.min { $0.distance < $1.distance }?.word
    }

    /// `. Did you mean 'serve'?`, or nothing.
    package static func question(_ word: String, of words: [String]) -> String {
        to(word, of: words).map { ". Did you mean '\($0)'?" } ?? ""
    }

    /// The error for a command line with an unknown command; nil for any other error.
    ///
    /// - Parameters:
    ///   - words: the command line, without the program's name.
    ///   - root: the program's root command.
    package static func advice(on words: [String], of root: any ParsableCommand.Type) -> String? {
        var command: any ParsableCommand.Type = root
        for word in words {
            let below = command.configuration.subcommands
            guard !below.isEmpty, !word.hasPrefix("-") else { return nil }
            let names = below.map { ($0.configuration.commandName ?? $0._commandName, $0) }
            if let found = names.first(where: { $0.0 == word }) {
                command = found.1
                continue
            }
            let meant = question(word, of: names.map(\.0) + ["help"])
            let known = names.map(\.0).joined(separator: ", ")
            return "There is no command '\(word)'\(meant.isEmpty ? ". There are: \(known)" : meant)"
        }
        return nil
    }

    /// The edit distance: insertions, deletions, substitutions, and swaps of neighbours.
    private static func distance(_ from: [Character], _ to: [Character]) -> Int {
        var before: [Int] = []
        var last = Array(0...to.count)
        for row in from.indices {
            var next = [row + 1]
            for column in to.indices {
                var least = min(last[column] + (from[row] == to[column] ? 0 : 1), last[column + 1] + 1, next[column] + 1)
                if row > 0, column > 0, from[row] == to[column - 1], from[row - 1] == to[column] {
                    least = min(least, before[column - 1] + 1)
                }
                next.append(least)
            }
            (before, last) = (last, next)
        }
        return last[to.count]
    }
}
