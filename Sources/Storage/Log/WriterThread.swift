import Glibc

/// A thread of our own that runs one function: disk syncs must not block the threads that run tasks.
enum WriterThread {
  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Takes back the reference that `start` gave away.
  private static let entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
    guard let argument else { return nil }
    Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
    return nil
  }

  /// Starts a detached thread.
  static func start(name: String, _ run: @escaping @Sendable () -> Void) throws(SystemCallError) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let argument = Unmanaged.passRetained(Body(run))
    var thread = pthread_t()
    let status = pthread_create(&thread, &attributes, entry, argument.toOpaque())
    guard status == 0 else {
      argument.release()
      throw SystemCallError(call: "pthread_create", subject: name, errno: status)
    }
  }
}
