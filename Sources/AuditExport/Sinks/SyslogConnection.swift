import Cryptography
import Glibc
import Storage

/// A socket to a collector. Belongs to one thread at a time; waits in `poll` with a deadline, so it never hangs for good.
final class SyslogConnection {
  private let descriptor: Int32
  private var tls: TLSConnection?
  private let isStream: Bool
  /// Largest file of authorities, in bytes.
  private static let maxAuthorities = 1 << 20

  init(_ transport: SyslogSink.Transport, until end: ContinuousClock.Instant) throws(ExportFault) {
    isStream = transport.isStream
    switch transport {
    case .unix(let path):
      descriptor = try Self.connect(unix: path)
    case .udp(let host, let port):
      descriptor = try Self.connect(host, port, Int32(SOCK_DGRAM.rawValue), until: end)
    case .tcp(let host, let port), .tls(let host, let port, _):
      descriptor = try Self.connect(host, port, Int32(SOCK_STREAM.rawValue), until: end)
    }
    guard case .tls(let host, _, let authorities) = transport else { return }
    do throws(ExportFault) {
      tls = try Self.handshake(descriptor, host: host, authorities: authorities, until: end)
    } catch {
      // `deinit` does not run for an object that was not finished.
      Glibc.close(descriptor)
      throw error
    }
  }

  deinit {
    _ = tls?.close()
    tls = nil
    Glibc.close(descriptor)
  }

  /// Whether the collector has hung up. Collectors say nothing, so whatever arrives is passed over.
  func isBroken() -> Bool {
    guard isStream else { return false }
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      if let tls {
        let transfer = try? buffer.withUnsafeMutableBytes { try tls.read(into: $0) }
        guard case .bytes = transfer else { return transfer != .wantRead && transfer != .wantWrite }
      } else {
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count > 0 { continue }
        return count == 0 || (errno != EAGAIN && errno != EINTR)
      }
    }
  }

  /// Hands the bytes to the kernel: all of a stream, or one datagram.
  func send(_ bytes: [UInt8], until end: ContinuousClock.Instant) throws(ExportFault) {
    var done = 0
    while done < bytes.count {
      if let tls {
        let transfer: TLSConnection.Transfer
        do {
          transfer = try bytes.withUnsafeBytes { try tls.write(UnsafeRawBufferPointer(rebasing: $0[done...])) }
        } catch {
          throw .connection("\(error)")
        }
        switch transfer {
        case .bytes(let count): done += count
        case .wantRead: try wait(Int16(POLLIN), until: end)
        case .wantWrite: try wait(Int16(POLLOUT), until: end)
        case .closed, .truncated: throw .connection("the collector hung up")
        }
      } else {
        let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
        let count = bytes.withUnsafeBytes {
          Glibc.send(descriptor, $0.baseAddress?.advanced(by: done), $0.count - done, flags)
        }
        if count >= 0 {
          done += count
        } else if errno == EAGAIN || errno == ENOBUFS {
          try wait(Int16(POLLOUT), until: end)
        } else if errno != EINTR {
          throw Self.fault()
        }
      }
    }
  }

  /// Waits until the other machine has confirmed every byte (SIOCOUTQ is 0), then looks whether it has hung up meanwhile.
  func drain(until end: ContinuousClock.Instant) throws(ExportFault) {
    var pause: Int32 = 1
    while true {
      var waiting: Int32 = 0
      guard ioctl(descriptor, UInt(TIOCOUTQ), &waiting) == 0 else { throw Self.fault() }
      if waiting == 0 { break }
      guard ContinuousClock.now < end else { throw .timedOut("the collector took the messages") }
      // There is no event for this; a hang-up ends the wait.
      var poller = pollfd(fd: descriptor, events: 0, revents: 0)
      _ = poll(&poller, 1, pause)
      if poller.revents & Int16(POLLERR | POLLHUP) != 0 { throw .connection("the collector hung up") }
      pause = min(pause * 2, 50)
    }
    if isBroken() { throw .connection("the collector hung up") }
  }

  private func wait(_ events: Int16, until end: ContinuousClock.Instant) throws(ExportFault) {
    try Self.wait(descriptor, events, until: end, for: "the collector took the messages")
  }

  private static func wait(
    _ descriptor: Int32, _ events: Int16, until end: ContinuousClock.Instant, for what: String
  ) throws(ExportFault) {
    while true {
      let left = ContinuousClock.now.duration(to: end)
      guard left > .zero else { throw .timedOut(what) }
      var poller = pollfd(fd: descriptor, events: events, revents: 0)
      let (seconds, attoseconds) = left.components
      let milliseconds = min(seconds, 1_000_000) * 1000 + attoseconds / 1_000_000_000_000_000 + 1
      let count = poll(&poller, 1, Int32(clamping: milliseconds))
      if count > 0 { return }
      if count < 0, errno != EINTR { throw fault() }
    }
  }

  private static func handshake(
    _ descriptor: Int32, host: String, authorities: String, until end: ContinuousClock.Instant
  ) throws(ExportFault) -> TLSConnection {
    do {
      guard let pem = try WholeFile.read(authorities, limit: maxAuthorities) else {
        throw ExportFault.connection("\(authorities) is not there")
      }
      let context = try TLSClientContext(
        authoritiesPEM: String(decoding: pem, as: UTF8.self), applicationProtocols: [])
      let tls = try TLSConnection(context: context, fileDescriptor: descriptor, serverName: host)
      while true {
        switch try tls.handshake() {
        case .done: return tls
        case .wantRead: try wait(descriptor, Int16(POLLIN), until: end, for: "speaking TLS with \(host)")
        case .wantWrite: try wait(descriptor, Int16(POLLOUT), until: end, for: "speaking TLS with \(host)")
        }
      }
    } catch let fault as ExportFault {
      throw fault
    } catch {
      throw .connection("TLS with \(host): \(error)")
    }
  }

  private static func connect(unix path: String) throws(ExportFault) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let fits = withUnsafeMutableBytes(of: &address.sun_path) { room in
      guard bytes.count < room.count else { return false }
      room.copyBytes(from: bytes)
      return true
    }
    guard fits else { throw .connection("the path of the socket is too long") }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw fault() }
    let result = withUnsafeBytes(of: &address) {
      Glibc.connect(descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
    }
    guard result == 0 else {
      let fault = fault(path)
      Glibc.close(descriptor)
      throw fault
    }
    return descriptor
  }

  // Tries each address of the name in the resolver's order.
  private static func connect(
    _ host: String, _ port: UInt16, _ type: Int32, until end: ContinuousClock.Instant
  ) throws(ExportFault) -> Int32 {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = type
    hints.ai_flags = AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &list)
    guard code == 0 else { throw .connection("\(host): \(String(cString: gai_strerror(code)))") }
    defer { freeaddrinfo(list) }
    var last = ExportFault.connection("\(host) has no address")
    var entry = list
    while let current = entry?.pointee {
      do throws(ExportFault) {
        return try connect(current, to: "\(host):\(port)", until: end)
      } catch {
        last = error
      }
      entry = current.ai_next
    }
    throw last
  }

  private static func connect(
    _ info: addrinfo, to place: String, until end: ContinuousClock.Instant
  ) throws(ExportFault) -> Int32 {
    let flags = Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let descriptor = socket(info.ai_family, info.ai_socktype | flags, info.ai_protocol)
    guard descriptor >= 0 else { throw fault(place) }
    do throws(ExportFault) {
      if Glibc.connect(descriptor, info.ai_addr, info.ai_addrlen) != 0 {
        guard errno == EINPROGRESS else { throw fault(place) }
        try wait(descriptor, Int16(POLLOUT), until: end, for: "connecting to \(place)")
        var problem: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &length)
        guard problem == 0 else { throw .connection("\(place): \(String(cString: strerror(problem)))") }
      }
    } catch {
      Glibc.close(descriptor)
      throw error
    }
    return descriptor
  }

  private static func fault(_ place: String? = nil) -> ExportFault {
    let reason = String(cString: strerror(errno))
    return .connection(place.map { "\($0): \(reason)" } ?? reason)
  }
}
