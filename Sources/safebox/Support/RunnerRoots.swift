import Cryptography
import Terminal

/// Root file systems of runners, as arguments name them.
enum RunnerRoots {
  /// The digest that is given.
  static func digest(_ text: String) throws -> SHA256Digest {
    guard let digest = SHA256Digest(hex: text) else {
      throw CommandError("--runner is no digest of 64 lower-case hexadecimal digits", exitCode: .usage)
    }
    return digest
  }
}
