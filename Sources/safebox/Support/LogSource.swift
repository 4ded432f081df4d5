import Audit
import BoxService
import Storage
import Terminal

/// The log that a command reads: a data directory, or what a running box shows to everybody.
struct LogSource: Sendable {
  private let connection: BoxConnection?
  private let directory: DataDirectory

  init(_ arguments: ParsedArguments) throws {
    // What stands on the command line says which; then what the environment names, the directory first.
    let wantsBox =
      arguments.value("box") != nil
      || (Settings.value("data", arguments) == nil && Settings.value("box", arguments) != nil)
    connection = wantsBox ? try BoxConnection(arguments) : nil
    directory = DataDirectory(path: Settings.dataDirectory(arguments))
  }

  /// Opens it; to be called on a thread of one's own, because reading blocks.
  func open() throws -> any AuditSource {
    guard let connection else {
      guard WholeFile.exists(directory.logPath) else {
        throw CommandError(
          "there is no box in \(directory.path)", hints: ["name its directory with --data, or a running box with --box"]
        )
      }
      return try LogReader(path: directory.logPath)
    }
    return try TiledLogSource { path in try OwnThread.wait { try await connection.logResource(path) } }
  }
}
