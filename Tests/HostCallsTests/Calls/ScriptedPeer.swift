import Foundation
import Synchronization

/// A peer that says byte for byte what a test wants, over TCP on loopback or a Unix socket.
final class ScriptedPeer: Sendable {
  struct Request: Sendable {
    var method = ""
    var target = ""
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []

    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }
    var text: String { String(decoding: body, as: UTF8.self) }
  }

  /// One piece of an answer.
  enum Step: Sendable {
    case write(String)
    /// Waits until the test calls `proceed`.
    case gate
    case hangUp
  }

  typealias Script = @Sendable (Request) -> [Step]

  let port: UInt16
  private let listener: Int32
  private let script: Script
  private let state = Mutex(State())
  private let gates = DispatchSemaphore(value: 0)

  private struct State {
    var requests: [Request] = []
    var sockets: [Int32] = []
    var isStopped = false
  }

  var address: String { "127.0.0.1:\(port)" }
  var url: String { "http://\(address)" }
  var requests: [Request] { state.withLock { $0.requests } }

  init(unixPath: String? = nil, _ script: @escaping Script) throws {
    self.script = script
    if let unixPath {
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: unixPath.utf8) }
      listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      try Self.bind(listener, &address)
      port = 0
    } else {
      listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      try Self.bind(listener, &address)
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let socket = listener
      _ = withUnsafeMutableBytes(of: &address) {
        getsockname(socket, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
      }
      port = UInt16(bigEndian: address.sin_port)
    }
    guard listen(listener, 64) == 0 else { throw POSIXError(.EIO) }
    Thread.detachNewThread { self.accept() }
  }

  deinit { stop() }

  /// Lets one gate open.
  func proceed() { gates.signal() }

  func stop() {
    let sockets = state.withLock { state in
      defer { state.isStopped = true }
      return state.isStopped ? [] : state.sockets + [listener]
    }
    for socket in sockets { shutdown(socket, Int32(SHUT_RDWR)) }
    gates.signal()
  }

  /// A whole answer.
  static func answer(
    _ body: String, status: Int = 200, type: String = "application/json", headers: [String] = []
  ) -> [Step] {
    let lines = ["HTTP/1.1 \(status) X", "Content-Type: \(type)", "Content-Length: \(body.utf8.count)"] + headers
    return [.write(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)]
  }

  /// The head of an answer that ends with the connection.
  static func open(type: String = "text/event-stream") -> Step {
    .write("HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\nConnection: close\r\n\r\n")
  }

  private static func bind<Address>(_ socket: Int32, _ address: inout Address) throws {
    let code = withUnsafeBytes(of: &address) {
      Glibc.bind(socket, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
    }
    guard code == 0 else { throw POSIXError(.EADDRINUSE) }
  }

  private func accept() {
    while true {
      let socket = Glibc.accept(listener, nil, nil)
      guard socket >= 0 else { return }
      let isStopped = state.withLock { state in
        state.sockets.append(socket)
        return state.isStopped
      }
      guard !isStopped else { return }
      Thread.detachNewThread { self.serve(socket) }
    }
  }

  private func serve(_ socket: Int32) {
    var buffer: [UInt8] = []
    while let request = Self.read(socket, &buffer) {
      state.withLock { $0.requests.append(request) }
      for step in script(request) {
        switch step {
        case .write(let text): Self.write(socket, Array(text.utf8))
        case .gate: gates.wait()
        case .hangUp: shutdown(socket, Int32(SHUT_RDWR))
        }
      }
    }
  }

  private static func write(_ socket: Int32, _ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  private static func read(_ socket: Int32, _ buffer: inout [UInt8]) -> Request? {
    while true {
      if let request = parse(&buffer) { return request }
      var chunk = [UInt8](repeating: 0, count: 65_536)
      let count = recv(socket, &chunk, chunk.count, 0)
      guard count > 0 else { return nil }
      buffer += chunk[..<count]
    }
  }

  private static func parse(_ buffer: inout [UInt8]) -> Request? {
    guard let end = buffer.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
    let lines = String(decoding: buffer[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
    let first = lines[0].components(separatedBy: " ")
    var request = Request(method: first[0], target: first.count > 1 ? first[1] : "")
    for line in lines.dropFirst() {
      let parts = line.components(separatedBy: ": ")
      request.headers.append((parts[0], parts.dropFirst().joined(separator: ": ")))
    }
    let length = request.header("Content-Length").flatMap { Int($0) } ?? 0
    guard buffer.count >= end.upperBound + length else { return nil }
    request.body = Array(buffer[end.upperBound..<(end.upperBound + length)])
    buffer.removeFirst(end.upperBound + length)
    return request
  }
}
