import CLinux
import Glibc
import Synchronization

/// Accepts connections on a unix socket, each on a thread of its own, at most so many at one time.
final class SocketServer: Sendable {
  /// Connections at one time; one more is closed at once.
  static let maxConnections = 256

  private let path: String
  private let open = Atomic<Int>(0)
  private let handle: @Sendable (Int32) -> Void

  init(path: String, handle: @escaping @Sendable (_ connection: Int32) -> Void) {
    self.path = path
    self.handle = handle
  }

  /// Serves for ever.
  func run() throws(AdapterFault) -> Never {
    // The directory decides who may connect.
    let listener = linux_listen_unix(path, 0o777, 128)
    guard listener >= 0 else { throw .system(call: "listen", path: path, error: -listener) }
    while true {
      var entry = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, -1) > 0 else { continue }
      var peer = linux_address()
      let connection = linux_accept(listener, &peer)
      guard connection >= 0 else { continue }
      _ = fcntl(connection, F_SETFL, fcntl(connection, F_GETFL) & ~O_NONBLOCK)
      guard open.wrappingAdd(1, ordering: .relaxed).newValue <= Self.maxConnections else {
        open.wrappingSubtract(1, ordering: .relaxed)
        close(connection)
        continue
      }
      do throws(AdapterFault) {
        try Threads.start { [self] in
          handle(connection)
          close(connection)
          open.wrappingSubtract(1, ordering: .relaxed)
        }
      } catch {
        open.wrappingSubtract(1, ordering: .relaxed)
        close(connection)
      }
    }
  }
}

/// Threads that nobody waits for.
enum Threads {
  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
    guard let context else { return nil }
    Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
    return nil
  }

  static func start(_ run: @escaping @Sendable () -> Void) throws(AdapterFault) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    pthread_attr_setstacksize(&attributes, 512 << 10)
    var thread = pthread_t()
    let context = Unmanaged.passRetained(Body(run))
    let result = pthread_create(&thread, &attributes, main, context.toOpaque())
    guard result == 0 else {
      context.release()
      throw .system(call: "pthread_create", path: "", error: result)
    }
  }
}

/// All of a buffer, or nothing.
enum Descriptor {
  static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      written += count
    }
    return true
  }

  /// What is there, at most 64 KiB; nil at the end.
  static func read(_ descriptor: Int32) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    var count: Int
    repeat { count = Glibc.read(descriptor, &buffer, buffer.count) } while count < 0 && errno == EINTR
    return count > 0 ? Array(buffer[..<count]) : nil
  }
}
