import Glibc

/// Why a server could not start.
public enum HTTPServerError: Error, Sendable, Hashable, CustomStringConvertible {
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

  public var description: String {
    switch self {
    case .badAddress(let text): "\(text) is not a numeric IPv4 or IPv6 address"
    case .badPath(let path): "\"\(path)\" is no path for a unix socket: 1-107 bytes"
    case .occupied(let path): "\(path) is served by another process, or is no socket"
    case .system(_, let place, EADDRINUSE): "\(place) is in use by another process"
    case .system(_, let place, EADDRNOTAVAIL): "\(place) is not an address of this machine"
    case .system(let call, let place, let number): "\(call) \(place): \(String(cString: strerror(number)))"
    case .alreadyStarted: "the server was started before"
    case .noListener: "there is no listener"
    }
  }
}
