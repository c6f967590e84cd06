import Foundation
import Testing
import WeirSettings

/// docs/configuration.md lists the settings as their rows have them.
@Suite struct SettingsPageTests {
    @Test func thePageListsTheSettingsThatThereAre() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/configuration.md")
        let page = try String(contentsOf: file, encoding: .utf8)
        let begin = try #require(page.range(of: "<!-- The settings: printed from their rows. -->\n"))
        let end = try #require(page.range(of: "<!-- End of the settings. -->\n"))
        let printed = page.replacingCharacters(in: begin.upperBound..<end.lowerBound, with: Self.list)
        if ProcessInfo.processInfo.environment["WEIR_PRINT"] != nil {
            try printed.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(
            page == printed || ProcessInfo.processInfo.environment["WEIR_PRINT"] != nil,
            "A setting has changed: WEIR_PRINT=1 make quick ROOM=Settings prints docs/configuration.md anew")
    }

    private static var list: String {
        let wiped = EnvironmentVariable.all.filter(\.isSecret).map { "`\($0.name)`" }
        return """
            | option | environment | key in the file | default | what it does |
            | --- | --- | --- | --- | --- |
            \(Setting.all.map(line).joined(separator: "\n"))

            These come from the environment alone, because a command line and a file are read by too many:

            | variable | what it does |
            | --- | --- |
            \(EnvironmentVariable.all.map { "| `\($0.name)` | \($0.help) |" }.joined(separator: "\n"))

            \(wiped.dropLast().joined(separator: ", ")) and \(wiped.last ?? "") are wiped out of the environment as soon as they have been read, in `/proc/PID/environ` too.

            """
    }

    private static func line(_ setting: Setting) -> String {
        let isList = setting.form == .list
        let value = setting.valueName.isEmpty ? "" : " <\(setting.valueName.replacingOccurrences(of: "|", with: "\\|"))>"
        let cells = [
            "`--\(setting.option)\(value)`" + (isList ? " (repeat)" : ""), "`\(setting.variable)`" + (isList ? " (commas)" : ""),
            "`\(setting.key)`" + (isList ? " (list)" : ""), setting.standard ?? "",
            [setting.help, setting.note].compactMap(\.self).joined(separator: " "),
        ]
        return "| " + cells.joined(separator: " | ").replacingOccurrences(of: "  ", with: " ") + " |"
    }
}
