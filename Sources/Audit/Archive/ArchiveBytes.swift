import Glibc

/// An archive that can be read at any place, so that a verifier need not hold it in memory.
public protocol ArchiveBytes: Sendable {
  /// Length in bytes.
  var length: Int { get }
  /// The bytes of a range, all of them. Throws when they cannot be read.
  func read(_ range: Range<Int>) throws -> [UInt8]
}

extension [UInt8]: ArchiveBytes {
  public var length: Int { count }

  public func read(_ range: Range<Int>) throws -> [UInt8] {
    guard range.lowerBound >= 0, range.upperBound <= count else {
      throw ArchiveFile.Failure.shortRead(path: "archive", offset: range.lowerBound)
    }
    return Array(self[range])
  }
}

/// An archive in a file. Blocks the calling thread while it reads.
public final class ArchiveFile: ArchiveBytes {
  public enum Failure: Error, Hashable, CustomStringConvertible {
    case cannot(String, path: String, errno: Int32)
    /// The file ended before what was asked for.
    case shortRead(path: String, offset: Int)

    public var description: String {
      switch self {
      case .cannot(let what, let path, let number): "cannot \(what) \(path): \(String(cString: strerror(number)))"
      case .shortRead(let path, let offset): "\(path) ends before byte \(offset)"
      }
    }
  }

  public let length: Int
  private let path: String
  private let descriptor: Int32

  /// Opens a regular file for reading.
  public init(path: String) throws(Failure) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannot("open", path: path, errno: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let number = errno
      close(descriptor)
      throw .cannot("examine", path: path, errno: number)
    }
    // A pipe or a directory has no length to hold the contents against.
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .cannot("read", path: path, errno: EINVAL)
    }
    self.path = path
    self.descriptor = descriptor
    length = Int(status.st_size)
  }

  deinit { close(descriptor) }

  public func read(_ range: Range<Int>) throws -> [UInt8] {
    var failure: Failure?
    let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
      while count < range.count {
        guard let base = buffer.baseAddress else { return }
        let got = pread(descriptor, base + count, range.count - count, range.lowerBound + count)
        if got > 0 {
          count += got
        } else if got == 0 {
          failure = .shortRead(path: path, offset: range.lowerBound + count)
          return
        } else if errno != EINTR {
          failure = .cannot("read", path: path, errno: errno)
          return
        }
      }
    }
    if let failure { throw failure }
    return bytes
  }
}
