/// A string that is not a valid `noun`. `reason` ends a sentence: "the repository name …".
package struct NameError: Error, Equatable, CustomStringConvertible {
    package let noun: String
    package let text: String
    package let reason: String

    package init(_ noun: String, _ text: String, _ reason: String) {
        self.noun = noun
        self.text = String(text.prefix(300))
        self.reason = reason
    }

    package var description: String { "the \(noun) '\(text)' \(reason)" }
}
