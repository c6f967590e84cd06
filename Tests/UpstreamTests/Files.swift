#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

func writeFile(_ path: String, _ text: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }

func removeFile(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
