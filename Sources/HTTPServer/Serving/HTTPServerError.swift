/// Why a server could not start.
public enum HTTPServerError: Error, Sendable, Hashable {
  /// Not a numeric IPv4 or IPv6 address.
  case badAddress(String)
  /// The path of a unix socket is empty or longer than 107 bytes.
  case badPath(String)
  /// Another process serves this unix socket, or the path is no socket.
  case occupied(path: String)
  /// A system call failed.
  case system(call: String, at: String, errno: Int32)
  /// `start` was called twice, or after `shutdown`.
  case alreadyStarted
  /// No listener was configured.
  case noListener
}
