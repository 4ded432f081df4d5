import CanonicalJSON
import Cryptography
import Governance
import HTTPServer

/// The one socket of the privileged process. The kernel says who is at the other end; nobody else gets an answer.
public struct SystemServer: Sendable {
  /// Where and for whom it listens.
  public struct Access: Sendable {
    /// The path of the unix socket, at most 107 bytes.
    public var socket: String
    /// The mode of the socket's file. It is the first door; the list of users is the second.
    public var mode: UInt32
    /// The users who are answered, by SO_PEERCRED.
    public var uids: Set<UInt32>

    public init(socket: String, mode: UInt32 = 0o660, uids: Set<UInt32>) {
      self.socket = socket
      self.mode = mode
      self.uids = uids
    }
  }

  private let server: HTTPServer

  /// A server that does nothing before ``start()``.
  ///
  /// - Parameters:
  ///   - runners: what supervises runners; nil answers `not_available` under `/v1/runners`.
  ///   - version: what `GET /v1/status` says of this program.
  public init(
    _ desk: OperationDesk, access: Access, runners: (any RunnerControl)?, version: String,
    deadlines: HTTPServerConfiguration.Deadlines = SystemServer.deadlines
  ) {
    var configuration = HTTPServerConfiguration(listeners: [.unix(path: access.socket, mode: access.mode)])
    configuration.limits.connections = 64
    configuration.limits.connectionsPerPeer = 32
    configuration.limits.headerBytes = 8 << 10
    configuration.limits.headerFields = 32
    configuration.limits.body = 0
    configuration.deadlines = deadlines
    let routes = SystemRoutes(desk: desk, runners: runners, version: version)
    server = HTTPServer(
      configuration: configuration, handler: PeerGate(uids: access.uids, desk: desk, inner: routes.router()))
  }

  /// How long a caller may take: 5 s for a head, 10 s of silence in a body.
  public static let deadlines: HTTPServerConfiguration.Deadlines = {
    var deadlines = HTTPServerConfiguration.Deadlines()
    deadlines.header = .seconds(5)
    deadlines.body = .seconds(10)
    deadlines.minimumRate = 16 << 10
    return deadlines
  }()

  public func start() throws(HTTPServerError) { _ = try server.start() }

  /// Takes no more requests and lets the operation under way finish until the deadline.
  public func shutDown(deadline: Duration) async { await server.shutdown(deadline: deadline) }
}

/// Answers only the users of the list.
private struct PeerGate<Inner: HTTPHandler>: HTTPHandler {
  let uids: Set<UInt32>
  let desk: OperationDesk
  let inner: Inner

  func respond(to request: HTTPRequest) async -> HTTPResponse {
    guard case .unix(let uid, _, _) = request.peer, uids.contains(uid) else {
      desk.parts.report("refused a caller who is not on the list: \(request.peer)")
      var problem = Problem(status: 403, code: "peer_refused", detail: "This user is not answered.")
      problem.headers["Connection"] = "close"
      return problem.response
    }
    return await inner.respond(to: request)
  }
}
