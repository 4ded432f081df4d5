import CLinux
import Foundation
import Glibc
import Synchronization

/// A small HTTP server on a loopback port whose every answer is the test's: a bank, or a box that lies.
final class LoopbackServer: Sendable {
  struct Request: Sendable {
    var method: String
    var path: String
    /// Names in lower case.
    var headers: [String: String]
    var body: [UInt8]
  }

  /// A status and a body; nil closes the connection without an answer.
  typealias Answer = @Sendable (Request) -> (status: Int, body: String)?

  let address: String
  private let listener: Int32

  init(_ answer: @escaping Answer) throws {
    var numeric = linux_address()
    guard linux_parse_address("127.0.0.1", 0, &numeric) == 0 else { throw HTTPExchange.Failure(description: "parse") }
    let listener = linux_listen_tcp(&numeric, 64)
    guard listener >= 0 else { throw HTTPExchange.Failure(description: "listen: \(-listener)") }
    self.listener = listener
    address = "127.0.0.1:\(numeric.port)"
    // The listener is non-blocking; `poll` waits, and `shutdown` wakes it for good.
    let thread = Thread {
      defer { close(listener) }
      while true {
        var polled = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        _ = poll(&polled, 1, -1)
        var peer = linux_address()
        let socket = linux_accept(listener, &peer)
        if socket == -EAGAIN || socket == -EINTR || socket == -ECONNABORTED {
          if polled.revents & Int16(POLLHUP) != 0 { return }
          continue
        }
        guard socket >= 0 else { return }
        Thread { Self.serve(socket, answer) }.start()
      }
    }
    thread.start()
  }

  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  private static func serve(_ socket: Int32, _ answer: Answer) {
    defer { close(socket) }
    _ = fcntl(socket, F_SETFL, 0)
    var time = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let text = String(decoding: bytes, as: UTF8.self)
      if let end = text.range(of: "\r\n\r\n") {
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
          guard let colon = line.firstIndex(of: ":") else { continue }
          headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        let begin = text[..<end.upperBound].utf8.count
        let length = Int(headers["content-length"] ?? "0") ?? 0
        if bytes.count >= begin + length {
          let words = lines[0].split(separator: " ").map(String.init)
          guard words.count == 3 else { return }
          let request = Request(
            method: words[0], path: words[1], headers: headers, body: Array(bytes[begin..<(begin + length)]))
          guard let (status, body) = answer(request) else { return }
          let response =
            "HTTP/1.1 \(status) X\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
            + "Connection: close\r\n\r\n" + body
          _ = response.withCString { send(socket, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
          return
        }
      }
      let count = recv(socket, &buffer, buffer.count, 0)
      guard count > 0 else { return }
      bytes += buffer[..<count]
    }
  }
}

/// A bank that books each idempotency key once, and that a test can make wait before it answers.
final class Bank: Sendable {
  private struct State {
    /// Every request's key, repetitions too.
    var asked: [String] = []
    var booked: [String] = []
    var isHeld = false
  }

  private let state = Mutex(State())
  private let changed = DispatchSemaphore(value: 0)
  private let released = DispatchSemaphore(value: 0)
  private let server: Mutex<LoopbackServer?> = Mutex(nil)
  let address: String

  init() throws {
    let answer = Mutex<LoopbackServer.Answer?>(nil)
    let server = try LoopbackServer { request in answer.withLock { $0 }?(request) }
    address = server.address
    self.server.withLock { $0 = server }
    answer.withLock { $0 = { [weak self] in self?.serve($0) } }
  }

  private func serve(_ request: LoopbackServer.Request) -> (Int, String)? {
    guard request.method == "POST", request.path == "/payments", let key = request.headers["idempotency-key"] else {
      return (404, "{}")
    }
    let isHeld = state.withLock { state in
      state.asked.append(key)
      if !state.booked.contains(key) { state.booked.append(key) }
      return state.isHeld
    }
    changed.signal()
    if isHeld { _ = released.wait(timeout: .now() + 150) }
    return (201, "{\"booked\":true}")
  }

  /// From now on it books, and then keeps the caller waiting for the answer.
  func hold() { state.withLock { $0.isHeld = true } }

  /// Answers whoever waits, and everybody from now on.
  func release() {
    state.withLock { $0.isHeld = false }
    for _ in 0..<16 { released.signal() }
  }

  /// Waits for the next request.
  func waitForRequest(within seconds: Double = 150) throws {
    guard changed.wait(timeout: .now() + seconds) == .success else {
      throw HTTPExchange.Failure(description: "the bank was not asked within \(seconds) seconds")
    }
  }

  var asked: [String] { state.withLock { $0.asked } }
  var booked: [String] { state.withLock { $0.booked } }
}
