import CanonicalJSON
import Cryptography
import Governance
import HTTPClient
import Keychain
import Storage
import TestSupport
import Testing

@testable import HostCalls

/// Every name is this machine.
struct LoopbackNames: NameResolver {
  func addresses(of host: String) async throws(NameResolutionFailure) -> [IPAddress] {
    guard let address = IPAddress("127.0.0.1") else { throw NameResolutionFailure(reason: "none") }
    return [address]
  }
}

/// What the families of messages stand on: a real client, a real keychain with a canary in it, and settings.
struct MessageBox {
  static let community = "acme"
  /// Whatever is kept of a call must not hold it, in no encoding.
  static let canary = "canary-7fKq92xLw0"
  /// 21 November 2026, 10:33:46 UTC.
  static let now: Int64 = 1_795_257_226_000

  let directory: TemporaryDirectory
  let services: HostServices
  let table: HostCallTable

  init(trusting certificates: String? = nil) throws {
    directory = try TemporaryDirectory()
    var configuration = HTTPClient.Configuration()
    configuration.resolver = LoopbackNames()
    configuration.trustedCertificates = certificates
    let master = SecretBytes(copying: [UInt8](repeating: 7, count: 32))
    let blobs = try BlobStore(path: directory.file("blobs"), master: master)
    services = HostServices(
      client: HTTPClient(configuration), keychain: try Keychain(path: directory.file("keys"), master: master),
      files: try FileStreams(path: directory.file("streams"), blobs: blobs, now: { Self.now }),
      salt: { [UInt8](repeating: 9, count: 32) }, clock: { Self.now })
    table = .standard(services)
  }

  func secret(_ name: String, _ value: String, for hosts: [String], kind: SecretKind = .text) throws {
    try services.keychain.put(
      community: Self.community, name: name, value: SecretBytes(copying: Array(value.utf8)), hosts: hosts, kind: kind,
      at: Self.now)
  }

  func plan(
    _ method: String, _ arguments: JSON, _ settings: CommunitySettings
  ) throws(HostCallError) -> HostCallPlan {
    let tool = ToolManifest(name: "reporter", version: "1", source: SHA256.hash([]))
    return try table.plan(
      method, arguments: arguments,
      in: HostCallContext(
        run: String(repeating: "a", count: 64), call: 0, tool: tool, community: Self.community, settings: settings,
        now: Self.now))
  }

  /// What a call proposes.
  func proposal(
    _ method: String, _ arguments: JSON, _ settings: CommunitySettings
  ) throws -> (type: String, params: JSONObject, facts: [[String: String]]) {
    let planned = try self.plan(method, arguments, settings)
    switch planned.step {
    case .change(let type, let params, _): return (type, params, planned.facts)
    default: throw HostCallError("failed", "\(method) proposes nothing")
    }
  }

  func executor(_ type: String) throws -> any ActionExecutor {
    let executors = services.executors
    return try #require(executors.first { $0.type == type })
  }

  func order(_ type: String, _ params: JSONObject, _ settings: CommunitySettings) throws -> ExecutionOrder {
    let statement = Statement(
      action: try Action(type: type, params: params), box: "box.example", epoch: 1, expires: Self.now + 1000,
      nonce: SHA256.hash([1]), policy: SHA256.hash([2]))
    let policy = Policy(covers: [try Pattern(parsing: type, path: "covers")], rule: .automatic([]))
    return ExecutionOrder(
      proposal: statement.digest, statement: statement, params: params, policy: policy, settings: settings)
  }

  /// Plans the call, has its params validated in the open and committed to, and carries it out.
  func send(_ method: String, _ arguments: JSON, _ settings: CommunitySettings) async throws -> Ending {
    let (type, params, _) = try proposal(method, arguments, settings)
    let executor = try executor(type)
    try executor.validate(params: .object(params))
    try executor.validate(params: .object(try Self.committed(params, executor.privateParams)))
    let order = try order(type, params, settings)
    let ending = Ending(await executor.execute(order))
    let again = Ending(await executor.reconcile(order))
    #expect(again.kind == .unknown, "nothing may be sent twice")
    return ending
  }

  /// The params as the log has them.
  static func committed(_ params: JSONObject, _ members: Set<String>) throws -> JSONObject {
    var params = params
    for name in members {
      guard let value = params[name] else { continue }
      params[name] = try Opening(value: value, salt: [UInt8](repeating: 3, count: 32)).commitment.json
    }
    return params
  }

  static func settings(_ members: JSONObject, port: Int64?) throws -> CommunitySettings {
    var members = members
    if let port { members["egress"] = ["127.0.0.1:\(port)"] }
    return try CommunitySettings(json: .object(members))
  }
}

/// How an execution ended, in a form that tests compare.
struct Ending {
  enum Kind { case executed, failed, unknown }
  let kind: Kind
  let result: JSONObject
  let opening: Opening?

  init(_ outcome: ExecutionOutcome) {
    switch outcome {
    case .executed(let result, let opening): (kind, self.result, self.opening) = (.executed, result, opening)
    case .failed(let result, let opening): (kind, self.result, self.opening) = (.failed, result, opening)
    case .unknown(let result): (kind, self.result, opening) = (.unknown, result, nil)
    }
  }

  /// Everything that is kept of it.
  var text: String {
    String(decoding: JSON.object(result).canonicalBytes() + (opening?.json.canonicalBytes() ?? []), as: UTF8.self)
  }

  var holdsTheCanary: Bool { text.contains(MessageBox.canary) || text.contains(Base64.encode(MessageBox.canary.utf8)) }
}

/// A scripted HTTP service.
struct Service {
  let peer: PythonPeer
  let port: Int64

  init(_ answers: JSON...) throws {
    peer = try PythonPeer("http_peer", ["answers": .array(answers)])
    port = try #require(peer.ready["port"]?.integer)
  }

  var url: String { "http://127.0.0.1:\(port)" }

  /// Method, path, headers and body of the next request.
  func request() async throws -> (path: String, headers: JSON, body: String, bytes: [UInt8]) {
    let request = try await peer.next()
    #expect(request["method"] == "POST")
    let bytes = try #require(request["body"]?.string.flatMap { Base64.decode($0) })
    return (
      try #require(request["path"]?.string), try #require(request["headers"]), String(decoding: bytes, as: UTF8.self),
      bytes
    )
  }
}
