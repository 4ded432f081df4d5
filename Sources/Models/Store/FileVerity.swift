import CLinux
import Cryptography
import Glibc

/// fs-verity as the store uses it. Tests put a kernel of their own in its place where the machine's has none.
struct FileVerity: Sendable {
  /// What came of enabling it.
  enum Enabled: Sendable, Hashable {
    case yes
    /// The kernel or the file system has none, in the system's words.
    case unavailable(String)
    /// Somebody has the file open for writing.
    case openForWriting
  }

  /// Returns 0 or a negative errno.
  let enableCall: @Sendable (Int32) -> Int32
  /// The digest, or nil where fs-verity is not enabled on the file.
  let measure: @Sendable (Int32) -> SHA256Digest?

  /// The kernel's.
  static let kernel = FileVerity(
    enableCall: { linux_enable_verity($0) },
    measure: { file in
      var digest = [UInt8](repeating: 0, count: SHA256Digest.byteCount)
      return linux_measure_verity(file, &digest) == 0 ? SHA256Digest(digest) : nil
    })

  /// Makes the file immutable for ever. One that is so already stays as it is.
  func enable(_ file: Int32) -> Enabled {
    switch enableCall(file) {
    case 0, -EEXIST: .yes
    case -ETXTBSY: .openForWriting
    case let result: .unavailable(SystemCallFault.text(-result))
    }
  }
}
