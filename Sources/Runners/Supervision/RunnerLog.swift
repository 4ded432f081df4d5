import CLinux
import Glibc
import Synchronization

/// What a runner writes, in a file that is rotated once: at most `maxBytes` in `log` and as much in `log.1`.
///
/// A runner can write without end; it can neither fill the disk nor block on us, and what it writes is never interpreted.
public final class RunnerLog: Sendable {
  /// Longest part of a log that is returned, in bytes.
  public static let maxTailBytes = 256 << 10

  /// Path of the newer file.
  public let path: String
  private let maxBytes: Int
  private let state: Mutex<State>

  private struct State {
    var descriptor: Int32
    var size: Int
  }

  /// Goes on behind what is there.
  public init(path: String, maxBytes: Int = 4 << 20) throws(RunnerFault) {
    self.path = path
    self.maxBytes = maxBytes
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o640)
    guard descriptor >= 0 else { throw .system(call: "open", path: path, error: errno) }
    state = Mutex(State(descriptor: descriptor, size: Int(lseek(descriptor, 0, SEEK_END))))
  }

  deinit { state.withLock { _ = close($0.descriptor) } }

  /// Appends; when the file is full it becomes `log.1` and a new one begins. What cannot be written is dropped.
  func append(_ bytes: ArraySlice<UInt8>) {
    state.withLock { state in
      if state.size + bytes.count > maxBytes {
        rename(path, path + ".1")
        let next = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o640)
        guard next >= 0 else { return }
        close(state.descriptor)
        state = State(descriptor: next, size: 0)
      }
      let part = bytes.prefix(maxBytes)
      if SystemFile.writeAll(Array(part), to: state.descriptor) { state.size += part.count }
    }
  }

  /// The last bytes of the newer file, at most `maxTailBytes`.
  public func tail(_ bytes: Int) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    let wanted = min(max(0, bytes), Self.maxTailBytes)
    let size = Int(lseek(descriptor, 0, SEEK_END))
    lseek(descriptor, off_t(max(0, size - wanted)), SEEK_SET)
    return SystemFile.read(descriptor, limit: wanted) ?? []
  }

  /// The last lines in one, for an error message: visible ASCII only.
  var lastWords: String {
    let lines = tail(2000).split(separator: 10).suffix(4)
    let text = lines.map { line in String(decoding: line.filter { (0x20..<0x7f).contains($0) }, as: UTF8.self) }
    return text.isEmpty ? "it said nothing" : text.joined(separator: " | ")
  }

  /// A pipe whose other end is written into this log until the last writer has gone. Close the returned descriptor.
  func pipe() throws(RunnerFault) -> Int32 {
    var ends: [Int32] = [-1, -1]
    let status = linux_pipe(&ends)
    guard status == 0 else { throw .system(call: "pipe", path: path, error: -status) }
    let input = ends[0]
    do throws(RunnerFault) {
      try DetachedThread.start { [self] in
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
          let count = read(input, &buffer, buffer.count)
          if count < 0 && errno == EINTR { continue }
          if count <= 0 { break }
          append(buffer[..<count])
        }
        close(input)
      }
    } catch {
      close(input)
      close(ends[1])
      throw error
    }
    return ends[1]
  }
}
