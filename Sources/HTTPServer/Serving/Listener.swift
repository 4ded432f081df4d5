import CLinux
import Cryptography
import Glibc

/// A listening socket. Every reactor watches it through a `ListenerTarget` of its own.
final class Listener: Sendable {
  let descriptor: Int32
  let address: BoundAddress
  let tls: TLSServerContext?
  private let file: (device: UInt64, inode: UInt64)?

  init(_ listener: HTTPServerConfiguration.Listener) throws(HTTPServerError) {
    switch listener {
    case .tcp(let text, let port):
      (descriptor, address) = try Self.listen(text, port)
      tls = nil
      file = nil
    case .tls(let text, let port, let context):
      (descriptor, address) = try Self.listen(text, port)
      tls = context
      file = nil
    case .unix(let path, let mode):
      guard (1...107).contains(path.utf8.count), !path.utf8.contains(0) else { throw .badPath(path) }
      try Self.clear(path)
      descriptor = linux_listen_unix(path, mode, 1024)
      guard descriptor >= 0 else {
        if descriptor == -EADDRINUSE { throw .occupied(path: path) }
        throw .system(call: "listen", at: path, errno: -descriptor)
      }
      address = .unix(path: path)
      tls = nil
      file = Self.identity(path)
    }
  }

  private static func listen(
    _ text: String, _ port: UInt16
  ) throws(HTTPServerError) -> (Int32, BoundAddress) {
    var numeric = linux_address()
    guard linux_parse_address(text, port, &numeric) == 0 else { throw .badAddress(text) }
    let descriptor = linux_listen_tcp(&numeric, 1024)
    guard descriptor >= 0 else { throw .system(call: "listen", at: "\(text):\(port)", errno: -descriptor) }
    return (descriptor, .tcp(address: text, port: numeric.port))
  }

  /// Stops listening and removes the socket's file, unless it is someone else's by now.
  func close() {
    if case .unix(let path) = address, let file, let present = Self.identity(path), present == file { unlink(path) }
    Glibc.close(descriptor)
  }

  /// Removes a socket that a dead process left behind. One that answers, or a file that is no socket, stays.
  private static func clear(_ path: String) throws(HTTPServerError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw .occupied(path: path) }
    let probe = linux_connect_unix(path)
    if probe >= 0 {
      Glibc.close(probe)
      throw .occupied(path: path)
    }
    guard probe == -ECONNREFUSED else { throw .system(call: "connect", at: path, errno: -probe) }
    guard unlink(path) == 0 else { throw .system(call: "unlink", at: path, errno: errno) }
  }

  private static func identity(_ path: String) -> (device: UInt64, inode: UInt64)? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    return (UInt64(status.st_dev), UInt64(status.st_ino))
  }
}

/// Accepts connections for one reactor.
final class ListenerTarget: ReactorTarget, @unchecked Sendable {
  private let reactor: Reactor
  private let listener: Listener
  private let context: ServerContext

  init(reactor: Reactor, listener: Listener, context: ServerContext) {
    self.reactor = reactor
    self.listener = listener
    self.context = context
    super.init(descriptor: listener.descriptor)
  }

  /// Level-triggered, so that what a batch leaves over comes again.
  static let events = EPOLLIN.rawValue | EPOLLEXCLUSIVE.rawValue

  override func ready(_ events: UInt32) {
    for _ in 0..<64 {
      var address = linux_address()
      let socket = linux_accept(descriptor, &address)
      if socket == -EINTR || socket == -ECONNABORTED { continue }
      if socket == -EMFILE || socket == -ENFILE || socket == -ENOBUFS || socket == -ENOMEM {
        // Level-triggered and unable to accept, epoll would spin. Wait for connections to close.
        return reactor.pause(self)
      }
      guard socket >= 0 else { return }
      welcome(socket, &address)
    }
  }

  private func welcome(_ socket: Int32, _ address: inout linux_address) {
    guard let (peer, account) = identify(socket, &address) else {
      Glibc.close(socket)
      return
    }
    do {
      try context.ledger.admit(account)
    } catch {
      context.counters.refused.add(1, ordering: .relaxed)
      return refuse(socket, error)
    }
    context.counters.accepted.add(1, ordering: .relaxed)
    let connection = Connection(
      descriptor: socket, peer: peer, account: account, reactor: reactor, context: context)
    connection.open(tls: listener.tls)
  }

  private func identify(_ socket: Int32, _ address: inout linux_address) -> (Peer, ConnectionLedger.Account)? {
    if case .unix = listener.address {
      var user: UInt32 = 0
      var group: UInt32 = 0
      var process: Int32 = 0
      guard linux_peer_credentials(socket, &user, &group, &process) == 0 else { return nil }
      return (.unix(uid: user, gid: group, pid: process), .user(user))
    }
    var text = [CChar](repeating: 0, count: 46)
    linux_format_address(&address, &text)
    let name = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let bytes = withUnsafeBytes(of: address.bytes) { Array($0) }
    let account: ConnectionLedger.Account =
      address.family == 4
      ? .ipv4(bytes[0..<4].reduce(0) { $0 << 8 | UInt32($1) })
      : .ipv6(network: bytes[0..<8].reduce(0) { $0 << 8 | UInt64($1) })
    return (.tcp(address: name, port: address.port), account)
  }

  /// One write that may fail, then gone: a flood must cost as little as possible.
  private func refuse(_ socket: Int32, _ refusal: ConnectionLedger.Refusal) {
    let answer: StaticString =
      switch refusal {
      case .total:
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
      case .peer:
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
      }
    guard listener.tls == nil else {
      Glibc.close(socket)
      return
    }
    _ = send(socket, answer.utf8Start, answer.utf8CodeUnitCount, Int32(MSG_NOSIGNAL))
    Glibc.close(socket)
  }
}
