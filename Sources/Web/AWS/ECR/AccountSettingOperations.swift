import WeirCore
import WeirRegistry

/// Settings of the account in a region.
struct AccountSettingOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "GetAccountSetting", get),
            AWSOperation(.ecr, "PutAccountSetting", put),
        ]
    }

    private func get(_ call: AWSCall) async throws -> JSONValue {
        let setting = try await self.setting(call, "ecr:GetAccountSetting")
        let value = try await registry.settings.configuration(of: call.registry).value(of: setting)
        return ["name": .string(setting.rawValue), "value": .string(value)]
    }

    private func put(_ call: AWSCall) async throws -> JSONValue {
        let value = try call.input.string("value")
        let setting = try await self.setting(call, "ecr:PutAccountSetting")
        try await registry.settings.set(setting, to: value, of: call.registry)
        return ["name": .string(setting.rawValue), "value": .string(value)]
    }

    private func setting(_ call: AWSCall, _ action: String) async throws -> AccountSetting {
        _ = try call.input.string("name", length: 1...64)
        let setting = try call.input.choice("name", AccountSetting.self)
        try await registry.access.permit(
            call.caller, action, on: nil, in: call.registry, facts: ["ecr:AccountSetting": [setting.rawValue]])
        return setting
    }
}
