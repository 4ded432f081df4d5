import Cryptography
import Runners
import Terminal

/// Root file systems of runners, as arguments name them.
enum RunnerRoots {
  /// The digest that is given, or that of the directory that is given: of its tree and its definition.
  static func digest(_ text: String, argument: String) throws -> SHA256Digest {
    if let digest = SHA256Digest(hex: text) { return digest }
    do {
      return try RunnerRoot(opening: text).digest
    } catch {
      throw CommandError(
        "\(argument) is \"\(TerminalText.escaped(text))\", neither a digest nor the directory of a runner: \(error)",
        hints: ["scripts/runner-root makes one"], exitCode: .usage)
    }
  }
}
