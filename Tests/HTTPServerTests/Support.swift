import CLinux
import Dispatch
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import HTTPServer

/// Runs blocking work off the cooperative pool, which has too few threads to be blocked.
func blocking<R: Sendable>(_ work: @escaping @Sendable () throws -> R) async throws -> R {
  try await withCheckedThrowingContinuation { continuation in
    DispatchQueue.global().async { continuation.resume(with: Result { try work() }) }
  }
}

/// Something that happens once and can be waited for, with a deadline.
final class Event<Value: Sendable>: Sendable {
  private let values: AsyncStream<Value>
  private let continuation: AsyncStream<Value>.Continuation

  init() { (values, continuation) = AsyncStream.makeStream(of: Value.self) }

  func signal(_ value: Value) { continuation.yield(value) }

  func value(within deadline: Duration = .seconds(120)) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { [values] in
        for await value in values { return value }
        return nil
      }
      group.addTask {
        try await Task.sleep(for: deadline)
        return nil
      }
      defer { group.cancelAll() }
      return try #require(try await group.next() ?? nil, "nothing happened before the deadline")
    }
  }
}

extension Event where Value == Void {
  func signal() { signal(()) }
}

/// A blocking socket that fails instead of waiting for ever.
final class RawClient: Sendable {
  struct Failure: Error { let call: String, code: Int32 }

  let socket: Int32
  private let pending = Mutex([UInt8]())
  private let isOpen = Atomic(true)

  init(_ address: BoundAddress, timeout seconds: Int = 120) throws {
    switch address {
    case .unix(let path): socket = linux_connect_unix(path)
    case .tcp(let text, let port):
      var numeric = linux_address()
      guard linux_parse_address(text, port, &numeric) == 0 else { throw Failure(call: "parse", code: 0) }
      socket = linux_connect_tcp(&numeric)
    }
    guard socket >= 0 else { throw Failure(call: "connect", code: -socket) }
    var time = timeval(tv_sec: seconds, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close() }

  func close() {
    if isOpen.exchange(false, ordering: .relaxed) { Glibc.close(socket) }
  }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { throw Failure(call: "send", code: errno) }
      rest = rest.dropFirst(count)
    }
  }

  func finishSending() { shutdown(socket, Int32(SHUT_WR)) }

  /// The next bytes; empty at the end. A reset is an error.
  func receive(_ limit: Int = 65536) throws -> [UInt8] {
    let kept = pending.withLock { kept in
      defer { kept = [] }
      return kept
    }
    if !kept.isEmpty { return kept }
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = recv(socket, &buffer, limit, 0)
    guard count >= 0 else { throw Failure(call: "recv", code: errno) }
    return Array(buffer[..<count])
  }

  /// Everything until the server closes.
  func receiveAll() throws -> String {
    var all: [UInt8] = []
    while true {
      let piece = try receive()
      if piece.isEmpty { return String(decoding: all, as: UTF8.self) }
      all += piece
    }
  }

  /// Up to and with `end`; what follows is kept.
  func receive(upTo end: String) throws -> String {
    var all: [UInt8] = []
    let mark = Array(end.utf8)
    while true {
      let piece = try receive()
      guard !piece.isEmpty else {
        throw Failure(call: "end before \(end): \(String(decoding: all, as: UTF8.self))", code: 0)
      }
      all += piece
      if let range = all.firstRange(of: mark) {
        pending.withLock { $0 = Array(all[range.upperBound...]) }
        return String(decoding: all[..<range.upperBound], as: UTF8.self)
      }
    }
  }

  func receive(count: Int) throws -> [UInt8] {
    var all: [UInt8] = []
    while all.count < count {
      let piece = try receive()
      guard !piece.isEmpty else { throw Failure(call: "end after \(all.count) of \(count)", code: 0) }
      all += piece
    }
    let rest = Array(all[count...])
    pending.withLock { $0 = rest }
    return Array(all[..<count])
  }

  /// One response with a Content-Length, or without content.
  func response() throws -> RawResponse {
    let head = try receive(upTo: "\r\n\r\n")
    let response = RawResponse(head: head, body: "")
    guard let length = response.fields["content-length"].flatMap({ Int($0) }), response.status >= 200 else {
      return response
    }
    return RawResponse(head: head, body: String(decoding: try receive(count: length), as: UTF8.self))
  }

  func exchange(_ text: String) throws -> RawResponse {
    try send(text)
    return try response()
  }
}

struct RawResponse: Sendable {
  let head: String
  let body: String

  var status: Int { Int(head.dropFirst(9).prefix(3)) ?? 0 }

  var fields: [String: String] {
    var result: [String: String] = [:]
    for line in head.split(separator: "\r\n").dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2 { result[parts[0].lowercased()] = String(parts[1].drop { $0 == " " }) }
    }
    return result
  }
}

/// A server on a loopback port and a unix socket, with one handler.
struct Served: Sendable {
  let server: HTTPServer
  let tcp: BoundAddress
  let unix: BoundAddress
  private let directory: TemporaryDirectory

  init(
    _ handler: some HTTPHandler, _ settings: Settings = .with { _ in }
  ) throws {
    directory = try TemporaryDirectory()
    var configuration = HTTPServerConfiguration(listeners: [
      .tcp(address: "127.0.0.1", port: 0), .unix(path: directory.file("socket"), mode: 0o600),
    ])
    settings.apply(&configuration)
    server = HTTPServer(configuration: configuration, handler: handler)
    let addresses = try server.start()
    tcp = addresses[0]
    unix = addresses[1]
  }

  init(
    _ settings: Settings = .with { _ in }, _ closure: @escaping @Sendable (HTTPRequest) async -> HTTPResponse
  ) throws {
    try self.init(HTTPHandlerClosure(closure), settings)
  }

  /// What a test changes in the configuration.
  struct Settings {
    let apply: (inout HTTPServerConfiguration) -> Void

    static func with(_ apply: @escaping (inout HTTPServerConfiguration) -> Void) -> Settings { Settings(apply: apply) }
  }

  /// Runs `body` with a server, and shuts the server down whatever happens.
  func use<R: Sendable>(_ body: (Served) async throws -> R) async throws -> R {
    do {
      let result = try await body(self)
      await server.shutdown(deadline: .zero)
      return result
    } catch {
      await server.shutdown(deadline: .zero)
      throw error
    }
  }
}

/// A thread that can be waited for.
struct Thread: ~Copyable {
  private let done = DispatchSemaphore(value: 0)

  init(_ work: @escaping @Sendable () -> Void) {
    let done = done
    DispatchQueue.global().async {
      work()
      done.signal()
    }
  }

  func join() { done.wait() }
}

extension HTTPServer {
  /// Returns when no connection is open.
  func connectionsClosed() async { await context.ledger.untilEmpty() }
}
