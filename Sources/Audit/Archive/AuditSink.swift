import Glibc

/// Where an export goes, piece by piece.
public protocol AuditSink: AnyObject {
  func write(_ bytes: [UInt8]) throws
  /// Called once, after the last piece.
  func finish() throws
}

/// Keeps an export in memory: for small logs and for tests.
public final class AuditMemorySink: AuditSink {
  public private(set) var bytes: [UInt8] = []
  public init() {}
  public func write(_ bytes: [UInt8]) { self.bytes += bytes }
  public func finish() {}
}

/// Writes an export to a file. It stands under its name only when it is complete and synced: half an archive must not be
/// mistaken for one.
public final class AuditFileSink: AuditSink {
  private let path: String
  private let temporary: String
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  private static let bufferSize = 1 << 18

  /// Makes a temporary file beside `path`. An older file at `path` is replaced at the end.
  public init(path: String) throws(ArchiveFile.Failure) {
    self.path = path
    temporary = "\(path).\(getpid()).part"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .cannot("create", path: temporary, errno: errno) }
    buffer.reserveCapacity(Self.bufferSize * 2)
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(temporary)
  }

  public func write(_ bytes: [UInt8]) throws {
    buffer += bytes
    if buffer.count >= Self.bufferSize { try flush() }
  }

  public func finish() throws {
    try flush()
    guard fsync(descriptor) == 0 else { throw failure("sync") }
    guard close(descriptor) == 0 else {
      descriptor = -1
      unlink(temporary)
      throw failure("close")
    }
    descriptor = -1
    guard rename(temporary, path) == 0 else {
      let failure = failure("rename")
      unlink(temporary)
      throw failure
    }
  }

  private func flush() throws {
    var offset = 0
    while offset < buffer.count {
      let written = buffer.withUnsafeBytes { bytes in
        Glibc.write(descriptor, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
      }
      if written >= 0 {
        offset += written
      } else if errno != EINTR {
        throw failure("write")
      }
    }
    buffer.removeAll(keepingCapacity: true)
  }

  private func failure(_ what: String) -> ArchiveFile.Failure { .cannot(what, path: temporary, errno: errno) }
}
