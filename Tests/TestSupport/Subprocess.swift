import Foundation

/// Runs another program to its end, for tests that compare this package with an independent implementation.
public enum Subprocess {
  /// What a program left behind.
  public struct Result: Sendable {
    /// Its exit status, or 128 and the signal that ended it.
    public let status: Int32
    public let output: [UInt8]
    public let errors: String
  }

  /// The first of the paths, or names searched for in PATH, that can be executed.
  public static func find(_ candidates: String...) -> String? {
    let search = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    for candidate in candidates {
      let paths = candidate.contains("/") ? [candidate] : search.map { "\($0)/\(candidate)" }
      if let found = paths.first(where: FileManager.default.isExecutableFile(atPath:)) { return found }
    }
    return nil
  }

  /// Runs a program with `input` on its standard input. Output goes through files, so no pipe can fill up and block.
  public static func run(_ path: String, _ arguments: [String], input: [UInt8] = []) throws -> Result {
    let directory = try TemporaryDirectory()
    let status = try ChildProcess(
      path, arguments, input: .file(directory.write(input, to: "in")), output: .file(directory.file("out")),
      errors: .file(directory.file("err"))
    ).wait()
    return Result(
      status: status, output: try directory.read("out"),
      errors: String(decoding: try directory.read("err"), as: UTF8.self))
  }
}
