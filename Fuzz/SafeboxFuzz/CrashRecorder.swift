import Glibc

/// Keeps the current input where it survives the process: a shared mapping of a file that the kernel writes back even
/// when a trap kills us. Storing an input costs one memcpy, not a system call.
final class CrashRecorder {
  private static let capacity = 1 << 16
  /// Bytes of the header: the length of the input.
  private static let header = 8
  let path: String
  private let map: UnsafeMutableRawPointer

  /// Maps `path`; nil when that is not possible.
  init?(path: String) {
    self.path = path
    let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    guard ftruncate(descriptor, off_t(Self.capacity)) == 0,
      let map = mmap(nil, Self.capacity, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), map != MAP_FAILED
    else { return nil }
    self.map = map
  }

  deinit { munmap(map, Self.capacity) }

  /// Stores the input that is about to run.
  func store(_ input: [UInt8]) {
    let count = min(input.count, Self.capacity - Self.header)
    map.storeBytes(of: UInt64(count), as: UInt64.self)
    input.withUnsafeBytes { bytes in
      if let base = bytes.baseAddress { memcpy(map + Self.header, base, count) }
    }
  }

  /// The input stored by an earlier process, or the whole of a file that is no recording.
  static func read(path: String) -> [UInt8]? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    bytes.removeLast(bytes.count - count)
    guard count == capacity else { return bytes }
    let length = bytes[..<header].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(capacity - header) else { return bytes }
    return Array(bytes[header..<(header + Int(length))])
  }
}

/// Says on standard error which input killed the process. Everything the handler touches is prepared before.
enum CrashReport {
  nonisolated(unsafe) private static var message: UnsafeMutablePointer<CChar>?

  /// Chooses the text that a crash prints from now on.
  static func prepare(_ text: String) {
    let old = message
    message = strdup(text)
    free(old)
  }

  static func install() {
    for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGALRM] {
      // A stack overflow must be reportable too: the handler gets a stack of its own.
      var action = sigaction()
      action.__sigaction_handler.sa_handler = handler
      action.sa_flags = Int32(SA_ONSTACK) | Int32(bitPattern: UInt32(SA_RESETHAND))
      sigaction(number, &action, nil)
    }
    let size = 1 << 16
    var stack = stack_t(ss_sp: malloc(size), ss_flags: 0, ss_size: size)
    sigaltstack(&stack, nil)
  }

  private static let handler: @convention(c) (Int32) -> Void = { number in
    if let message { _ = write(2, message, strlen(message)) }
    raise(number)
  }
}
