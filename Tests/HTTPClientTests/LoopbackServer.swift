import CLinux
import Foundation
import Synchronization

/// A scripted peer: it says byte for byte what a test wants, well-behaved or not.
final class LoopbackServer: Sendable {
  struct Request: Sendable {
    var method = ""
    var target = ""
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// 0 for the first connection.
    var connection = 0

    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }
  }

  /// The handler's side of one connection.
  struct Connection: Sendable {
    let socket: Int32

    func write(_ text: String) { write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) {
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
      }
    }

    func respond(_ status: String = "200 OK", headers: [String] = [], _ body: String = "") {
      let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers
      write(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    func close() { shutdown(socket, Int32(SHUT_RDWR)) }

    /// Blocks until the client closes its side.
    func waitForClose() {
      var byte: UInt8 = 0
      while recv(socket, &byte, 1, 0) > 0 {}
    }
  }

  typealias Handler = @Sendable (Request, Connection) -> Void

  private struct State {
    var requests: [Request] = []
    var sockets: [Int32] = []
    var isStopped = false
    var closed = 0
  }

  let port: UInt16
  private let listener: Int32
  private let handler: Handler
  private let state = Mutex(State())
  private let changed = Condition()

  var url: String { "http://127.0.0.1:\(port)" }
  var requests: [Request] { state.withLock { $0.requests } }
  var connectionCount: Int { state.withLock { $0.sockets.count } }

  /// Listens on 127.0.0.1, or on a Unix socket.
  init(unixPath: String? = nil, _ handler: @escaping Handler) throws {
    self.handler = handler
    if let unixPath {
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: unixPath.utf8) }
      listener = try Self.openSocket(AF_UNIX)
      try Self.bind(listener, &address)
      port = 0
    } else {
      listener = try Self.openSocket(AF_INET)
      port = try Self.bindLoopback(listener)
    }
    guard listen(listener, 256) == 0 else { throw POSIXError(.EIO) }
    Thread.detachNewThread { self.accept() }
  }

  func stop() {
    let sockets = state.withLock { state in
      state.isStopped = true
      return state.sockets
    }
    shutdown(listener, Int32(SHUT_RDWR))
    for socket in sockets { shutdown(socket, Int32(SHUT_RDWR)) }
    changed.signal()
  }

  /// Waits until that many requests have been read; false after two minutes.
  func waitForRequests(_ count: Int) async -> Bool { await changed.wait { self.requests.count >= count } }

  /// Waits until that many connections have ended; false after two minutes.
  func waitForClosed(_ count: Int) async -> Bool { await changed.wait { self.state.withLock { $0.closed } >= count } }

  private static func openSocket(_ family: Int32) throws -> Int32 {
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw POSIXError(.EIO) }
    return descriptor
  }

  private static func bindLoopback(_ socket: Int32) throws -> UInt16 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    try bind(socket, &address)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafeMutableBytes(of: &address) {
      getsockname(socket, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
    }
    return UInt16(bigEndian: address.sin_port)
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
      guard socket >= 0 else { break }
      let number = state.withLock { state -> Int? in
        guard !state.isStopped else { return nil }
        state.sockets.append(socket)
        return state.sockets.count - 1
      }
      guard let number else { break }
      Thread.detachNewThread { self.serve(socket, number) }
    }
    close(listener)
  }

  private func serve(_ socket: Int32, _ number: Int) {
    var buffer: [UInt8] = []
    while var request = Self.read(socket, &buffer) {
      request.connection = number
      state.withLock { $0.requests.append(request) }
      changed.signal()
      handler(request, Connection(socket: socket))
    }
    // The descriptor stays open until the test process ends, so that its number is not given to another connection
    // while `stop` still knows it.
    shutdown(socket, Int32(SHUT_RDWR))
    state.withLock { $0.closed += 1 }
    changed.signal()
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

/// Something to wait on until a fact holds.
final class Condition: Sendable {
  private let condition = NSCondition()

  func signal() {
    condition.lock()
    condition.broadcast()
    condition.unlock()
  }

  /// For server threads.
  func block(seconds: Double = 120, until holds: () -> Bool) -> Bool {
    let deadline = Date(timeIntervalSinceNow: seconds)
    condition.lock()
    defer { condition.unlock() }
    while !holds() {
      guard condition.wait(until: deadline) else { return holds() }
    }
    return true
  }

  /// For tests: waits on a thread of its own, as Swift's pool has no thread to spare for blocking.
  func wait(until holds: @escaping @Sendable () -> Bool) async -> Bool {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: self.block(until: holds)) }
    }
  }
}

/// Lets a fixed number of threads through together.
final class Gate: Sendable {
  private let arrived = Mutex(0)
  private let changed = Condition()
  private let size: Int

  init(_ size: Int) { self.size = size }

  /// For server threads. False if the others do not come within two minutes.
  func block() -> Bool {
    arrive()
    return changed.block { self.arrived.withLock { $0 } >= self.size }
  }

  /// For tests.
  func pass() async -> Bool {
    arrive()
    return await changed.wait { self.arrived.withLock { $0 } >= self.size }
  }

  private func arrive() {
    arrived.withLock { $0 += 1 }
    changed.signal()
  }
}
