import CanonicalJSON

/// What every request of revision 2026-07-28 says of itself in `params._meta`.
struct RequestEnvelope: Sendable {
  static let versionKey = "io.modelcontextprotocol/protocolVersion"
  static let capabilitiesKey = "io.modelcontextprotocol/clientCapabilities"
  static let serverKey = "io.modelcontextprotocol/serverInfo"

  var traits: ClientTraits

  /// Whether the request claims to be one of that kind; what it lacks of it is then an error.
  static func isPresent(in request: RPCRequest) -> Bool {
    request.meta[versionKey] != nil || request.method == "server/discover"
  }

  init(_ request: RPCRequest) throws(RPCError) {
    guard let version = request.meta[Self.versionKey] else { throw Self.missing(Self.versionKey, nil) }
    guard let version = version.string else { throw Self.missing(Self.versionKey, version) }
    guard let capabilities = request.meta[Self.capabilitiesKey]?.object else {
      throw Self.missing(Self.capabilitiesKey, request.meta[Self.capabilitiesKey])
    }
    // A revision with a handshake cannot be asked for in this way.
    guard version == Revision.stateless.rawValue else { throw .unsupported(version) }
    traits = ClientTraits(.stateless, capabilities: capabilities)
  }

  private static func missing(_ key: String, _ actual: JSON?) -> RPCError {
    .params(
      FieldError(
        field: "params._meta[\"\(key)\"]", expected: key == versionKey ? "a string" : "an object",
        actual: actual?.summary ?? "nothing"))
  }
}
