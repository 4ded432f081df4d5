/// Who is at the other end, as the kernel says it, never as a header says it.
public enum Peer: Sendable, Hashable {
  /// A TCP client: the numeric address (IPv6 without brackets) and port.
  case tcp(address: String, port: UInt16)
  /// A local process, from SO_PEERCRED at the time it connected. The process may have passed the socket on since.
  case unix(uid: UInt32, gid: UInt32, pid: Int32)
}

/// Where a listener ended up.
public enum BoundAddress: Sendable, Hashable, CustomStringConvertible {
  /// The numeric address and the real port, also when port 0 was asked for.
  case tcp(address: String, port: UInt16)
  /// The path of a unix socket.
  case unix(path: String)

  public var description: String {
    switch self {
    case .tcp(let address, let port): address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}
