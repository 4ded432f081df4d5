import CLinux
import Cryptography
import Glibc

/// How the bytes of a connection reach its socket. Belongs to the reactor's thread, as the connection does.
enum Transport {
  case plain
  /// TLS whose handshake is not complete: nothing was proved by either side yet.
  case handshake(TLSConnection)
  case tls(TLSConnection)

  /// What a read did.
  enum Received {
    /// So many bytes; whether the socket is known to be empty now.
    case bytes(Int, isDrained: Bool)
    case blocked
    case end
    case failed
  }

  /// Goes on with the handshake. Nil means that the connection cannot be used; false that it has to wait.
  mutating func handshake() -> Bool? {
    guard case .handshake(let session) = self else { return true }
    do {
      guard try session.handshake() == .done else { return false }
      self = .tls(session)
      return true
    } catch {
      return nil
    }
  }

  func receive(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Received {
    guard case .tls(let session) = self else {
      while true {
        let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
        if count > 0 { return .bytes(count, isDrained: count < buffer.count) }
        if count == 0 { return .end }
        if errno == EAGAIN { return .blocked }
        if errno != EINTR { return .failed }
      }
    }
    do {
      switch try session.read(into: buffer) {
      // The library holds bytes of its own: only its word that it wants more means that all was read.
      case .bytes(let count): return .bytes(count, isDrained: false)
      case .wantRead, .wantWrite: return .blocked
      // Requests delimit themselves, so that a cut-off end is noticed without close_notify.
      case .closed, .truncated: return .end
      }
    } catch {
      return .failed
    }
  }

  /// The bytes taken, nil when the socket is full, negative when it is dead. `more` says that bytes follow at once.
  func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, more: Bool) -> Int? {
    guard case .tls(let session) = self else {
      let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
      while true {
        let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, flags)
        if count >= 0 { return count }
        if errno == EAGAIN { return nil }
        if errno != EINTR { return -1 }
      }
    }
    do {
      switch try session.write(bytes) {
      case .bytes(let count): return count
      case .wantRead, .wantWrite: return nil
      case .closed, .truncated: return -1
      }
    } catch {
      return -1
    }
  }

  /// Says that nothing more follows, where the protocol has a word for it.
  func finish() {
    if case .tls(let session) = self { _ = session.close() }
  }
}
