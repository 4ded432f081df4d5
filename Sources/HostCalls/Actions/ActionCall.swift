import CanonicalJSON
import Governance

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
    return HostCallPlan(facts: [["types": type]], step: .change(type: type, params: params))
  }
}
