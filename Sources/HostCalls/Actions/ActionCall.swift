import CanonicalJSON
import Governance
import Keychain

/// `Protocol.Action`: proposes an action of any type that the manifest grants.
public struct ActionCall: HostCall {
  public init() {}

  public var methods: [HostMethod] {
    [
      HostMethod(
        "Action.propose", .change, dimensions: ["types"],
        schema: ArgumentSchema.object([
          .required("type", ArgumentSchema.string(maxBytes: 64), "the action type, as in http.request"),
          .optional("params", ArgumentSchema.anyObject, "what the action type defines"),
        ]),
        summary: "Proposes an action and waits for what becomes of it.")
    ]
  }

  public func plan(
    _ method: String, arguments: JSON, in context: HostCallContext
  ) throws(HostCallError) -> HostCallPlan {
    let (type, params) = try HostArguments.read(arguments) { reader throws(FieldError) in
      let type = try reader.string("type", maxBytes: 64)
      let params = reader.optionalJSON("params") ?? [:]
      guard let object = params.object else {
        throw FieldError(field: reader.pathOf("params"), expected: "an object", actual: params.summary)
      }
      return (type, object)
    }
    try Self.checkOwners(type, context.tool)
    // Settings and secrets come by this name: a tool acts for the community that it runs for and for no other.
    if let community = params["community"], community != .string(context.community),
      !ActionType.folded.contains(type)
    {
      throw HostCallError(
        "not_granted", "params.community is \(community.summary): this run is of \(context.community)")
    }
    return HostCallPlan(
      facts: [["types": type]], secrets: SecretResolver.names(in: .object(params)),
      step: .change(type: type, params: params))
  }

  /// First words of the types by which owners govern.
  private static let ownersWords: Set<String> = [
    "box", "community", "directory", "execution", "governance", "key", "model", "package", "run", "runner", "secret",
    "signer",
    "snapshot", "tool",
  ]

  /// A star grants what tools do, never what owners do: those types must stand in the manifest letter by letter.
  private static func checkOwners(_ type: String, _ tool: ToolManifest) throws(HostCallError) {
    guard ownersWords.contains(String(type.prefix { $0 != "." })) else { return }
    let isWritten = tool.uses.contains { grant in
      grant.method == "Action.propose"
        && grant.allows["types"]?.contains { $0.text.utf8.elementsEqual(type.utf8) } ?? false
    }
    guard !isWritten else { return }
    throw HostCallError(
      "not_granted", "\(JSON.string(type).summary) is the owners': the manifest must grant it by its whole name",
      details: ["method": "Action.propose", "dimension": "types", "value": .string(type)])
  }
}
