import Testing
import WeirCore

@Suite struct StatementPlaceTests {
    /// The lines and columns that AWS's simulator tells of these texts.
    @Test func placesAreAWSs() {
        let administrator = """
            {
              "Version": "2012-10-17",
              "Statement": [
                {
                  "Effect": "Allow",
                  "Action": "*",
                  "Resource": "*"
                }
              ]
            }
            """
        #expect(
            StatementPlace.all(in: administrator)
                == [StatementPlace(start: PolicyText.Position(line: 3, column: 17), end: PolicyText.Position(line: 8, column: 6))]
        )
        let spaced =
            #"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]}"#
        #expect(StatementPlace.all(in: spaced).map(\.start) == [PolicyText.Position(line: 1, column: 41)])
    }

    @Test func eachStatementFollowsTheOneBefore() {
        let text = #"{"Id":"Statement","Statement":[{"a":[{}]},{"b":"]}\"{"}],"Version":"x","More":{"Statement":[{}]}}"#
        #expect(
            StatementPlace.all(in: text) == [
                StatementPlace(start: PolicyText.Position(line: 1, column: 32), end: PolicyText.Position(line: 1, column: 42)),
                StatementPlace(start: PolicyText.Position(line: 1, column: 42), end: PolicyText.Position(line: 1, column: 56)),
            ])
        #expect(
            StatementPlace.all(in: #"{"Statement":{"a":{}}}"#) == [
                .init(start: PolicyText.Position(line: 1, column: 15), end: PolicyText.Position(line: 1, column: 22))
            ])
        #expect(StatementPlace.all(in: #"{"\u0053tatement":[{},{}]}"#).count == 2)
    }

    /// What is no policy is never asked for, and must not end the server.
    @Test(arguments: ["", "}}}]]]", "{\"Statement\":[", "\"Statement\":{}", "{:::\"", "\\\\\"\"", "{\"Statement\":[[[{}]]]}"])
    func nothingTraps(text: String) { _ = StatementPlace.all(in: text) }
}
