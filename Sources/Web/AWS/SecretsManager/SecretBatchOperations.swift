import WeirCore
import WeirRegistry
import WeirVault

/// The values of several secrets, by names or by filters. A secret that cannot be read fails by itself.
struct SecretBatchOperations: Sendable {
    let secrets: Secrets
    let access: Access

    /// The largest number of values in one answer.
    private static let most = 20

    var table: [AWSOperation] { [AWSOperation(.secretsmanager, "BatchGetSecretValue", may: .secrets, batch)] }

    private func batch(_ call: AWSCall) async throws -> JSONValue {
        let names = try call.input.optionalStrings("SecretIdList", count: 1...Self.most, length: 1...2_048)
        let filters = try call.secretFilters()
        switch (names, filters) {
        case (let names?, nil):
            for member in ["MaxResults", "NextToken"] where call.input.has(member) {
                throw Refusal(.invalidParameter, "\(member) goes with Filters, not with SecretIdList.")
            }
            return try await answer(names, call)
        case (nil, let filters?):
            let part = try SecretPart(call.input, of: "BatchGetSecretValue", most: Int64(Self.most))
            let page = try await secrets.list(
                SecretListing(filters: filters), in: call.registry, after: part.after, limit: part.limit)
            return try await answer(page.items.map(\.secret.arn), call).adding(["NextToken": page.next.map(part.token)])
        case (.some, .some), (nil, nil):
            throw Refusal(.invalidParameter, "You must include Filters or SecretIdList, but not both.")
        }
    }

    private func answer(_ names: [String], _ call: AWSCall) async throws -> JSONValue {
        var values: [JSONValue] = []
        var errors: [JSONValue] = []
        for name in names {
            do {
                try await access.permit(
                    call.caller, AccessDemand("secretsmanager:GetSecretValue", on: .secret(name, in: call.registry)))
                values.append(.value(try await secrets.value(of: name, in: call.registry)))
            } catch let refusal as Refusal {
                let error = AWSError(refusal, for: .secretsmanager)
                // A fault of the server itself fails the whole call, so that the client tries again.
                guard error.status < 500 else { throw refusal }
                errors.append([
                    "SecretId": .string(name), "ErrorCode": .string(error.code), "Message": .string(error.message),
                ])
            }
        }
        return ["SecretValues": .array(values), "Errors": .array(errors)]
    }
}
