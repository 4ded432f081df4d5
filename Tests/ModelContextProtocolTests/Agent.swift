import CanonicalJSON
import Foundation
import Glibc
import HTTPServer
import Synchronization
import TestSupport
import Testing

@testable import ModelContextProtocol

/// The ways in which an agent can talk to the server.
enum Way: String, CaseIterable, Sendable {
  case stdioStateless
  case stdioHandshake
  case httpStateless
  case httpHandshake

  var isHTTP: Bool { self == .httpStateless || self == .httpHandshake }
  var isStateless: Bool { self == .stdioStateless || self == .httpStateless }
}

/// The official Python client, connected to a server of ours.
final class Agent: Sendable {
  static let token = "agent-token-0123456789"

  private let peer: PythonPeer
  private let http: HTTPServer?
  private let box: FakeBox

  init(
    _ way: Way, _ box: FakeBox, wait: Duration = .seconds(60), elicits: String? = nil, mode: String? = nil,
    steps: [JSON]
  ) throws {
    self.box = box
    let server = try box.mcp(wait: wait)
    var configuration: JSONObject = [
      "mode": .string(mode ?? (way.isStateless ? "2026-07-28" : "legacy")), "steps": .array(steps),
    ]
    if let elicits { configuration["elicits"] = .string(elicits) }
    if way.isHTTP {
      let server = HTTPServer(
        configuration: HTTPServerConfiguration(listeners: [.tcp(address: "127.0.0.1", port: 0)]),
        handler: HTTPTransport(server: server, token: Array(Self.token.utf8)))
      guard case .tcp(_, let port) = try server.start()[0] else { throw HTTPServerError.noListener }
      configuration["url"] = .string("http://127.0.0.1:\(port)/mcp")
      configuration["token"] = .string(Self.token)
      http = server
    } else {
      configuration["port"] = .integer(Int64(try Self.listen(server)))
      http = nil
    }
    peer = try PythonPeer("mcp_client", .object(configuration))
  }

  deinit {
    let http = http
    Task { await http?.shutdown(deadline: .zero) }
  }

  /// Serves the first that connects, as a process serves its standard input and output.
  private static func listen(_ server: MCPServer) throws -> UInt16 {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port = try withUnsafeMutablePointer(to: &address) { address in
      try address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        try #require(bind(listener, address, length) == 0 && Glibc.listen(listener, 1) == 0)
        try #require(getsockname(listener, address, &length) == 0)
      }
      return UInt16(bigEndian: address.pointee.sin_port)
    }
    Thread.detachNewThread {
      let connection = accept(listener, nil, nil)
      close(listener)
      Task {
        await StdioTransport(server: server, input: connection, output: connection).run()
        close(connection)
      }
    }
    return port
  }

  func next() async throws -> JSON { try await peer.next() }

  /// What came of the next step; what is said in between goes to `other`.
  func step(_ other: (JSON) throws -> Void = { _ in }) async throws -> JSON {
    while true {
      let said = try await next()
      guard said["progress"] != nil || said["elicitation"] != nil || said["connected"] != nil else { return said }
      try other(said)
    }
  }
}
