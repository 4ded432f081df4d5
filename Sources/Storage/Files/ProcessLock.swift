import Glibc
import Synchronization

/// The exclusive lock on a data directory: held until it is released, released by the kernel when the process
/// dies, however it dies. `flock` on its own file, because POSIX record locks are lost when any descriptor is closed.
public final class ProcessLock: Sendable {
  /// Why a lock was not taken.
  public enum Failure: Error, Hashable, CustomStringConvertible {
    /// Another process (or another store in this one) holds it; `holder` is the process id it left, where readable.
    case held(path: String, holder: Int32?)
    case system(SystemCallError)

    public var description: String {
      switch self {
      case .held(let path, let holder):
        "\(path) is in use by " + (holder.map { "process \($0)" } ?? "another process")
      case .system(let error): error.description
      }
    }
  }

  /// The file in the data directory that carries the lock. It is never removed: removing it would let two holders in.
  public static let fileName = "lock"

  /// Negative once it is released.
  private let descriptor: Mutex<Int32>

  /// Takes the lock at once or throws; it never waits.
  public init(_ directory: Directory) throws(Failure) {
    let path = "\(directory.path)/\(Self.fileName)"
    let file = openat(directory.descriptor, Self.fileName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw .system(.last("openat", path)) }
    while flock(file, LOCK_EX | LOCK_NB) != 0 {
      if errno == EINTR { continue }
      let failure = SystemCallError.last("flock", path)
      let holder = Self.holder(in: file)
      close(file)
      throw failure.errno == EWOULDBLOCK ? .held(path: path, holder: holder) : .system(failure)
    }
    // The number is only for the other side's message, so a failure to write it is no failure of the lock.
    let text = Array("\(getpid())\n".utf8)
    if ftruncate(file, 0) == 0 { _ = text.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) } }
    descriptor = Mutex(file)
  }

  deinit { release() }

  /// Gives the directory free. More than once does nothing.
  public func release() {
    let file = descriptor.withLock { descriptor in
      defer { descriptor = -1 }
      return descriptor
    }
    guard file >= 0 else { return }
    // Not by closing alone: a child that another thread is just starting holds the same open file until its exec.
    flock(file, LOCK_UN)
    close(file)
  }

  private static func holder(in file: Int32) -> Int32? {
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = bytes.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, 0) }
    guard count > 1 else { return nil }
    return Int32(String(decoding: bytes[..<(count - 1)], as: UTF8.self))
  }
}
