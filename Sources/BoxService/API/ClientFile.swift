import Glibc
import Synchronization

/// `clients.json` as it is now: read again whenever the file has been replaced, so that adding or removing a client needs
/// no restart. A file that cannot be read locks everybody out rather than letting the removed in.
final class ClientFile: Sendable {
  private struct Version: Equatable {
    var inode: UInt
    var seconds: Int
    var nanoseconds: Int
    var size: Int
  }
  private struct State {
    var version: Version?
    var clients: APIClients
  }

  private let directory: DataDirectory
  private let state: Mutex<State>

  init(directory: DataDirectory) throws {
    self.directory = directory
    state = Mutex(State(version: Self.version(directory.clientsPath), clients: try directory.clients()))
  }

  func current() -> APIClients {
    let version = Self.version(directory.clientsPath)
    return state.withLock { state in
      if state.version != version {
        state.clients = (try? directory.clients()) ?? APIClients()
        state.version = version
      }
      return state.clients
    }
  }

  private static func version(_ path: String) -> Version? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return Version(
      inode: UInt(status.st_ino), seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec,
      size: Int(status.st_size))
  }
}
