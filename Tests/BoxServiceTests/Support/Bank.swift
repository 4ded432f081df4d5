import HTTPServer
import Synchronization

/// The peer of `http.request`: a real server that records what it is sent.
final class Bank: Sendable {
  struct Received: Sendable {
    var method: String
    var target: String
    var headers: HTTPHeaders
    var body: [UInt8]
  }

  let address: String
  var url: String { "http://\(address)" }
  private let server: HTTPServer
  private let ledger: Ledger

  final class Ledger: Sendable {
    struct State {
      var received: [Received] = []
      var answer: HTTPResponse = .text("ok")
    }
    let state = Mutex(State())
  }

  init() throws {
    let ledger = Ledger()
    self.ledger = ledger
    server = HTTPServer(
      configuration: HTTPServerConfiguration(listeners: [.tcp(address: "127.0.0.1", port: 0)]),
      handler: HTTPHandlerClosure { request in
        let body = (try? await request.body.collect()) ?? []
        return ledger.state.withLock { state in
          state.received.append(
            Received(method: request.method, target: request.target, headers: request.headers, body: body))
          return state.answer
        }
      })
    guard let bound = try server.start().first else { throw TestFailure("no address") }
    address = "\(bound)"
  }

  var received: [Received] { ledger.state.withLock { $0.received } }

  func answer(_ response: HTTPResponse) { ledger.state.withLock { $0.answer = response } }

  func stop() async { await server.shutdown(deadline: .zero) }
}

struct TestFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
