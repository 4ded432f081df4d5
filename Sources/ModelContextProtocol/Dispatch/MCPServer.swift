import CanonicalJSON
import Cryptography
import Synchronization

/// The tools of one box for agents that speak the Model Context Protocol. It decides nothing and keeps nothing: a run, its
/// proposals and its result are the box's, and any other process with the same token can go on with them.
public final class MCPServer: Sendable {
  public struct Configuration: Sendable {
    /// The community in whose name runs start.
    public var community: String
    /// How long a call waits for its run before it answers that the run is not done.
    public var wait: Duration
    public var urls: ApprovalURLs
    /// Of this program.
    public var version: String
    /// Requests that are answered at one time.
    public var maxInFlight = 64

    public init(community: String, wait: Duration = .seconds(20), urls: ApprovalURLs, version: String) {
      self.community = community
      self.wait = wait
      self.urls = urls
      self.version = version
    }
  }

  let box: BoxClient
  let configuration: Configuration
  /// Seals what clients hand back.
  let stateKey: SecretBytes
  private let inFlight = Mutex(0)

  /// - Parameter token: the box client's; what clients hand back is sealed under a key derived from it.
  public init(box: BoxClient, token: String?, configuration: Configuration) {
    self.box = box
    self.configuration = configuration
    stateKey = RequestState.key(token: token)
  }

  /// Answers a request of a client of which it is known what it can do.
  func answer(
    _ request: RPCRequest, _ traits: ClientTraits, _ channel: any ReplyChannel, _ ongoing: OngoingRequest
  ) async throws(RPCError) -> JSONObject {
    let isTaken = inFlight.withLock { count in
      guard count < configuration.maxInFlight else { return false }
      count += 1
      return true
    }
    guard isTaken else {
      throw RPCError(RPCError.busy, "\(configuration.maxInFlight) requests are being answered; try again later")
    }
    defer { inFlight.withLock { $0 -= 1 } }
    var result: JSONObject
    switch (request.method, traits.revision) {
    case ("server/discover", .stateless): result = discovery
    case ("ping", .handshake): return [:]
    case ("tools/list", _): result = try await list(request, traits)
    case ("tools/call", _):
      let call = try ToolCall(server: self, request: request, traits: traits, channel: channel, ongoing: ongoing)
      result = try await call.answer()
    default: throw .method(request.method)
    }
    if traits.revision == .stateless {
      if result["resultType"] == nil { result["resultType"] = "complete" }
      var meta = result["_meta"]?.object ?? [:]
      meta[RequestEnvelope.serverKey] = identity
      result["_meta"] = .object(meta)
    }
    return result
  }

  private func list(_ request: RPCRequest, _ traits: ClientTraits) async throws(RPCError) -> JSONObject {
    var reader = ObjectReader(members: request.params, path: "params")
    let cursor: String?
    do { cursor = try reader.optionalString("cursor", maxBytes: 1024) } catch { throw .params(error) }
    return try await catalog().page(after: cursor, traits: traits)
  }

  func catalog() async throws(RPCError) -> ToolCatalog {
    do throws(BoxFailure) {
      return try await ToolCatalog(from: box)
    } catch {
      throw RPCError(RPCError.internalError, DisplayText.plain("\(error)", limit: CallResult.maxMessage))
    }
  }

  private var identity: JSON {
    ["name": "safebox", "title": "Safebox", "version": .string(configuration.version)]
  }

  private static let capabilities: JSON = ["tools": [:]]

  private static let instructions =
    "The tools of a Safebox run in a sandbox under rules that no single party can change. Whatever changes the outside "
    + "world waits for a decision of people or policy. When a result says that it is pending, show its URL and digest to "
    + "the user, and get the result later with \(GenericTool.result.name); do not call the tool again, which would start "
    + "another run."

  private var discovery: JSONObject {
    [
      "supportedVersions": Revision.list, "capabilities": Self.capabilities, "instructions": .string(Self.instructions),
      "ttlMs": 60_000, "cacheScope": "private",
    ]
  }

  /// The answer to `initialize`: the revision asked for if it is the one with a handshake, which is offered instead of any
  /// other.
  func handshake(_ request: RPCRequest) throws(RPCError) -> (traits: ClientTraits, result: JSONObject) {
    do throws(FieldError) {
      var reader = ObjectReader(members: request.params, path: "params")
      _ = try reader.string("protocolVersion", maxBytes: 64)
      let capabilities = try reader.json("capabilities")
      guard let capabilities = capabilities.object else {
        throw FieldError(field: "params.capabilities", expected: "an object", actual: capabilities.summary)
      }
      var client = try reader.object("clientInfo")
      _ = try client.string("name")
      _ = try client.string("version")
      return (
        ClientTraits(.handshake, capabilities: capabilities),
        [
          "protocolVersion": .string(Revision.handshake.rawValue), "capabilities": Self.capabilities,
          "serverInfo": identity, "instructions": .string(Self.instructions),
        ]
      )
    } catch {
      throw .params(error)
    }
  }
}

/// What goes to a client while one of its requests is being answered.
protocol ReplyChannel: Sendable {
  /// Sends a notification. It may be dropped, and never waits.
  func notify(_ method: String, _ params: JSONObject)
  /// Asks the client something (revision 2025-11-25 only). Nil when the task is cancelled or nothing can be asked.
  func ask(_ method: String, _ params: JSONObject) async -> Result<JSON, RPCError>?
}
