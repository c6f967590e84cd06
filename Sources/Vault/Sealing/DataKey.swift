package import Crypto

/// A key for one blob, or for one repository's manifests. `wrapped` is the same key sealed by the `SealingKey`, stored beside the
/// content. Its printed form reveals nothing.
package struct DataKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package let key: SymmetricKey
    package let wrapped: [UInt8]

    package init(key: SymmetricKey, wrapped: [UInt8]) {
        self.key = key
        self.wrapped = wrapped
    }

    package var description: String { "(a data key)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
