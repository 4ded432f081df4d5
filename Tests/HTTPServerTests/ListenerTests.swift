import CLinux
import Glibc
import TestSupport
import Testing

@testable import HTTPServer

@Suite struct ListenerTests {
  private static func server(_ listeners: HTTPServerConfiguration.Listener...) -> HTTPServer {
    HTTPServer(
      configuration: HTTPServerConfiguration(listeners: listeners),
      handler: HTTPHandlerClosure { request in .text("\(request.peer)") })
  }

  @Test func knowsTheProcessAtTheOtherEnd() async throws {
    let seen = Event<Peer>()
    let served = try Served { request in
      seen.signal(request.peer)
      return .text("ok")
    }
    try await served.use { served in
      try await blocking { () throws in
        #expect(try RawClient(served.unix).exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200)
      }
      #expect(try await seen.value() == .unix(uid: getuid(), gid: getgid(), pid: getpid()))
      try await blocking { () throws in
        #expect(try RawClient(served.tcp).exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200)
      }
      guard case .tcp(let address, let port) = try await seen.value() else {
        Issue.record("not TCP")
        return
      }
      #expect(address == "127.0.0.1" && port > 0)
    }
  }

  @Test func protectsItsSocketFile() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("socket")
    let first = Self.server(.unix(path: path, mode: 0o640))
    #expect(try first.start() == [.unix(path: path)])
    var status = stat()
    #expect(lstat(path, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o640 && status.st_mode & S_IFMT == S_IFSOCK)
    // A served socket is not taken over.
    #expect(throws: HTTPServerError.occupied(path: path)) { try Self.server(.unix(path: path, mode: 0o600)).start() }
    await first.shutdown(deadline: .zero)
    #expect(lstat(path, &status) != 0)
    // What a dead process left behind is.
    let dead = linux_listen_unix(path, 0o600, 1)
    #expect(dead >= 0)
    close(dead)
    let second = Self.server(.unix(path: path, mode: 0o600))
    _ = try second.start()
    await second.shutdown(deadline: .zero)
    // Another kind of file is left alone.
    try directory.write([1], to: "socket")
    #expect(throws: HTTPServerError.occupied(path: path)) { try Self.server(.unix(path: path, mode: 0o600)).start() }
    #expect(try directory.read("socket") == [1])
  }

  @Test func leavesTheSocketOfItsSuccessorAlone() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("socket")
    let first = Self.server(.unix(path: path, mode: 0o600))
    _ = try first.start()
    unlink(path)
    let second = Self.server(.unix(path: path, mode: 0o600))
    _ = try second.start()
    await first.shutdown(deadline: .zero)
    try await blocking { () throws in
      #expect(try RawClient(.unix(path: path)).exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200)
    }
    await second.shutdown(deadline: .zero)
  }

  @Test func refusesWhatItCannotListenAt() throws {
    #expect(throws: HTTPServerError.noListener) { try Self.server().start() }
    #expect(throws: HTTPServerError.badAddress("localhost")) {
      try Self.server(.tcp(address: "localhost", port: 0)).start()
    }
    let long = "/tmp/" + String(repeating: "a", count: 103)
    #expect(throws: HTTPServerError.badPath(long)) { try Self.server(.unix(path: long, mode: 0o600)).start() }
    #expect(throws: HTTPServerError.badPath("")) { try Self.server(.unix(path: "", mode: 0o600)).start() }
    #expect(throws: HTTPServerError.system(call: "listen", at: "192.0.2.1:0", errno: EADDRNOTAVAIL)) {
      try Self.server(.tcp(address: "192.0.2.1", port: 0)).start()
    }
  }

  /// A failure of the second listener leaves nothing of the first.
  @Test func startsWhollyOrNotAtAll() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("socket")
    let server = Self.server(.unix(path: path, mode: 0o600), .tcp(address: "nowhere", port: 0))
    #expect(throws: HTTPServerError.badAddress("nowhere")) { try server.start() }
    var status = stat()
    #expect(lstat(path, &status) != 0)
    let whole = Self.server(.unix(path: path, mode: 0o600))
    _ = try whole.start()
    #expect(throws: HTTPServerError.alreadyStarted) { try whole.start() }
    await whole.shutdown(deadline: .zero)
    #expect(throws: HTTPServerError.alreadyStarted) { try whole.start() }
  }

  private static let hasIPv6: Bool = {
    var address = linux_address()
    linux_parse_address("::1", 0, &address)
    let socket = linux_listen_tcp(&address, 1)
    if socket >= 0 { close(socket) }
    return socket >= 0
  }()

  @Test(.enabled(if: hasIPv6, "this machine has no IPv6")) func listensOnIPv6() async throws {
    let server = Self.server(.tcp(address: "::1", port: 0))
    let addresses = try server.start()
    let body = try await blocking { try RawClient(addresses[0]).exchange("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n").body }
    #expect(body.contains("\"::1\""))
    #expect(addresses[0].description.hasPrefix("[::1]:"))
    await server.shutdown(deadline: .zero)
  }
}
