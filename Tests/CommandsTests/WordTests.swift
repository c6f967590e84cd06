import ArgumentParser
import Testing
import WeirCommands
import WeirCore

/// The words of the command line, and their meaning.
@Suite struct WordTests {
    private struct Root: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "weir", subcommands: OperatorCommands.all)
    }

    @Test(arguments: [
        ("rule", "rules"), ("ruels", "rules"), ("wram", "warm"), ("VERIFY", "verify"), ("lifecycl", "lifecycle"), ("wy", "why"),
        ("gcc", "gc"), ("hepl", "help"),
    ])
    func aSlipOfTheFinger(word: String, meant: String) {
        #expect(Nearest.advice(on: [word], of: Root.self) == "There is no command '\(word)'. Did you mean '\(meant)'?")
    }

    @Test func commandsBelowOthers() {
        #expect(Nearest.advice(on: ["rules", "shw", "x"], of: Root.self) == "There is no command 'shw'. Did you mean 'show'?")
        #expect(Nearest.advice(on: ["clock", "acept"], of: Root.self)?.hasSuffix("Did you mean 'accept'?") == true)
    }

    @Test func aWordLikeNoOther() {
        let advice = Nearest.advice(on: ["frobnicate"], of: Root.self)
        #expect(advice?.hasPrefix("There is no command 'frobnicate'. There are: rules, warm, ") == true)
        #expect(Nearest.to("", of: ["rules"]) == nil && Nearest.to("ab", of: ["xy"]) == nil)
    }

    @Test(
        "What is wrong elsewhere is not the command's fault",
        arguments: [[], ["--hlep"], ["rules"], ["rules", "--outptu", "x"], ["why"], ["rules", "show"], ["warm", "rulse"]])
    func elsewhere(words: [String]) { #expect(Nearest.advice(on: words, of: Root.self) == nil) }

    // MARK: Options of rules

    @Test(arguments: RuleOption.all)
    func anOptionIsMeantByAnyOfItsNames(option: RuleOption) throws {
        for name in [option.name, "--" + option.name, option.member] { #expect(try RuleOption(named: name).name == option.name) }
    }

    @Test func theNamesAreThoseOfTheCommandLine() throws {
        let rules = try #require(OperatorCommands.all.first { $0.configuration.commandName == "rules" })
        let set = try #require(rules.configuration.subcommands.first { $0._commandName == "set" })
        let help = Root.helpMessage(for: set, columns: 200)
        for option in RuleOption.all {
            #expect(help.contains("  --\(option.name) <"), "--\(option.name) is not in:\n\(help)")
        }
        let resets = RuleOption.all.flatMap { ["--reset", $0.name] }
        #expect(throws: Never.self) { try Root.parseAsRoot(["rules", "set", "docker-hub"] + resets) }
    }

    @Test(arguments: ["", "freshnes", "freshness_seconds", "---pin", "Reset"])
    func anUnknownOptionIsToldWithAllThatThereAre(name: String) {
        let problem = #expect(throws: CommandProblem.self) { try RuleOption(named: name) }
        for option in RuleOption.all { #expect(problem?.description.contains(option.name) == true) }
    }

    @Test(
        "Numbers that cannot be are refused on this side, negative ones too",
        arguments: [
            (["gc", "--grace"], "-1"), (["gc", "--grace"], "99999999999999999999"), (["gc", "--grace"], "31536001"),
            (["rules", "set", "x", "--freshness"], "-3"), (["rules", "set", "x", "--connections"], "0"),
            (["rules", "set", "x", "--requests-per-second"], "-0.5"), (["rules", "set", "x", "--requests-per-second"], "inf"),
            (["rules", "set", "x", "--requests-per-second"], "nan"), (["rules", "set", "x", "--bytes-per-second"], "1e3"),
        ])
    func numbers(words: [String], value: String) throws {
        let error = #expect(throws: (any Error).self) { try Root.parseAsRoot(words + [value]) }
        let message = Root.message(for: try #require(error))
        #expect(message.contains("'\(value)' is invalid") && message.contains("it must be a"), "\(message)")
    }
}
