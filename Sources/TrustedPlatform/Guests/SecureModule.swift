import CLinux
import Glibc

/// What answers the requests of a Nitro enclave. A protocol, because outside of enclaves there is none: tests play it.
package protocol SecureModule: Sendable {
  /// Answers one request. Blocks until the module has.
  ///
  /// - Parameter request: CBOR, at most 4096 bytes.
  func answer(to request: [UInt8]) throws(GuestFailure) -> [UInt8]
}

/// The Nitro Security Module behind `/dev/nsm`.
package struct SecureModuleDevice: SecureModule {
  package static let path = "/dev/nsm"
  static let maxRequestBytes = 4096
  static let maxResponseBytes = 12 << 10

  let path: String

  package init(path: String = Self.path) { self.path = path }

  package func answer(to request: [UInt8]) throws(GuestFailure) -> [UInt8] {
    guard request.count <= Self.maxRequestBytes else { throw .system(call: "ioctl", path: path, errno: EMSGSIZE) }
    let device = open(path, O_RDWR | O_CLOEXEC)
    guard device >= 0 else {
      throw errno == ENOENT ? .absent(path) : .system(call: "open", path: path, errno: errno)
    }
    defer { close(device) }
    var response = [UInt8](repeating: 0, count: Self.maxResponseBytes)
    var count = response.count
    let result = linux_nsm_request(device, request, request.count, &response, &count)
    guard result == 0 else { throw .system(call: "ioctl", path: path, errno: -result) }
    return [UInt8](response.prefix(count))
  }
}
