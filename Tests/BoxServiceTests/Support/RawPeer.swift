import Foundation
import Synchronization

/// A peer that takes connections and does not answer as HTTP would have it.
final class RawPeer: Sendable {
  enum Answer: Sendable {
    case nothing
    case hangUp
    /// The beginning of an answer.
    case half
  }

  let address: String
  private let descriptor: Int32
  private let counter = Mutex(0)
  private let open = Mutex<[Int32]>([])

  var connections: Int { counter.withLock { $0 } }

  init(_ answer: Answer) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw TestFailure("socket") }
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        bind(descriptor, generic, length) == 0 && listen(descriptor, 8) == 0
          && getsockname(descriptor, generic, &length) == 0
      }
    }
    guard isBound else { throw TestFailure("bind") }
    self.descriptor = descriptor
    address = "127.0.0.1:\(UInt16(bigEndian: name.sin_port))"
    Thread.detachNewThread { [self] in
      while true {
        let connection = accept(descriptor, nil, nil)
        guard connection >= 0 else { return }
        counter.withLock { $0 += 1 }
        var bytes = [UInt8](repeating: 0, count: 4096)
        _ = recv(connection, &bytes, bytes.count, 0)
        switch answer {
        case .nothing: open.withLock { $0.append(connection) }
        case .hangUp: close(connection)
        case .half:
          let text = Array("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".utf8)
          _ = send(connection, text, text.count, Int32(MSG_NOSIGNAL))
          close(connection)
        }
      }
    }
  }

  func stop() {
    shutdown(descriptor, Int32(SHUT_RDWR))
    close(descriptor)
    for connection in open.withLock({ $0 }) { close(connection) }
  }
}
