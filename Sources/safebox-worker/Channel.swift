import Glibc
import JavaScript

/// The stream to the host. Plain blocking reads and writes: the process has nothing else to do.
struct Channel {
  let input: Int32
  let output: Int32
  private var reader = FrameReader()

  init(input: Int32, output: Int32) {
    self.input = input
    self.output = output
  }

  /// Has reads and writes wait. Where input and output are one socket, gVisor makes the one that it takes over second
  /// non-blocking, and which that is changes: a worker that waited for its program found nothing there and ended.
  func block() {
    for descriptor in [input, output] {
      let flags = fcntl(descriptor, F_GETFL)
      if flags >= 0, flags & O_NONBLOCK != 0 { _ = fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) }
    }
  }

  /// The next message; nil at the end of the stream.
  mutating func receive() throws(FrameFault) -> HostMessage? {
    while true {
      if let frame = try reader.next() { return try HostMessage(frame) }
      let chunk = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
        var result = read(input, buffer.baseAddress, buffer.count)
        while result < 0, errno == EINTR { result = read(input, buffer.baseAddress, buffer.count) }
        // Nothing that could not be read is the end of the stream.
        if result < 0 { exit(1) }
        count = result
      }
      guard !chunk.isEmpty else {
        if reader.isEmpty { return nil }
        throw .truncated
      }
      reader.append(chunk)
    }
  }

  /// Sends all of it, or ends the process: there is nobody to tell.
  func send(_ message: WorkerMessage) {
    let bytes = message.frame.encoded
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { exit(1) }
      sent += count
    }
  }
}
