package import Crypto

/// A key for one blob, or for one repository's manifests, and the same key wrapped by the `SealingKey`: what is stored beside the
/// content. It prints as nothing.
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
