import WeirCore
import WeirRegistry

/// Settings of the account in a region.
struct AccountSettingOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "GetAccountSetting", may: .reading { try Self.demands($0, $1) }, get),
            AWSOperation(.ecr, "PutAccountSetting", may: .reading { try Self.demands($0, $1) }, put),
        ]
    }

    private func get(_ call: AWSCall) async throws -> JSONValue {
        let setting = try Self.setting(call)
        let value = try await registry.settings.configuration(of: call.registry).value(of: setting)
        return ["name": .string(setting.rawValue), "value": .string(value)]
    }

    private func put(_ call: AWSCall) async throws -> JSONValue {
        let value = try call.input.string("value")
        let setting = try Self.setting(call)
        try await registry.settings.set(setting, to: value, of: call.registry)
        return ["name": .string(setting.rawValue), "value": .string(value)]
    }

    private static func setting(_ call: AWSCall) throws -> AccountSetting {
        _ = try call.input.string("name", length: 1...64)
        return try call.input.choice("name", AccountSetting.self)
    }

    private static func demands(_ call: AWSCall, _ action: String) throws -> [AccessDemand] {
        let facts = ["ecr:AccountSetting": [try setting(call).rawValue]]
        return [AccessDemand(action, on: .registry(call.registry), facts: facts)]
    }
}
