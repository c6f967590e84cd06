import Glibc
import NIOCore
import WeirCore
import WeirSettings
import WeirWeb

/// Messages for failures at the start.
extension StartProblem {
    /// Why the server cannot listen at an address.
    ///
    /// - Parameter option: the setting that names the address.
    init(listeningAt host: String, _ port: Int, by option: String, _ error: any Error) {
        let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        if let unknown = error as? SocketAddressError.UnknownHost {
            self.init(
                "the name '\(unknown.host)' of \(option) cannot be resolved here (\(unknown.errorDescription)): give an address")
            return
        }
        guard let error = error as? IOError else {
            self.init("the server cannot run on \(place) (\(option)): \(error)")
            return
        }
        let reason =
            switch error.errnoCode {
            case EADDRINUSE: "is in use by another program. Stop that, or choose another port: \(option) 127.0.0.1:5051"
            case EADDRNOTAVAIL: "is none of this machine's. Listen at one that is, or at all: \(option) 0.0.0.0:\(port)"
            case EACCES, EPERM:
                "may not be used by this user: ports below 1024 need root, CAP_NET_BIND_SERVICE or a higher number: \(option) \(host):5050"
            case EAFNOSUPPORT: "cannot be used: this machine has no such network (IPv6 is off?)"
            default: "cannot be used: \(String(cString: strerror(error.errnoCode)))"
            }
        self.init("the address \(place) \(reason)")
    }

    /// A failure without a message of its own, of the database or anything else.
    init(unexpected error: any Error, in folder: String) {
        switch error {
        case let problem as StartProblem: self = problem
        case let error as BlobStoreError: self.init("the folder '\(folder)' cannot be used: \(error.reason)")
        case let error as SQLError where error.isFull:
            self.init("the volume of '\(folder)' is full, and not even a row finds room. Free some space first (\(error))")
        case let error as SQLError:
            self.init("the database in '\(folder)' cannot be read: if it is damaged, restore weir.db from its backup (\(error))")
        case let refusal as Refusal: self.init(refusal.message)
        default: self.init("the server cannot start: \(error)")
        }
    }
}
