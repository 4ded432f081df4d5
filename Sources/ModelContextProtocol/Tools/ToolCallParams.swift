import CanonicalJSON
import Cryptography

/// The parameters of `tools/call`.
struct ToolCallParams: Sendable {
  var name: String
  var arguments: JSONObject
  /// What an earlier answer gave the client to hand back.
  var state: String?
  /// What the client says became of the URLs that an earlier answer asked it to show, by the names given there.
  var responses: JSONObject?
  var progress: ProgressToken?

  init(_ request: RPCRequest, _ revision: Revision) throws(RPCError) {
    progress = try ProgressToken(request.meta)
    do throws(FieldError) {
      var reader = ObjectReader(members: request.params, path: "params")
      name = try reader.string("name", maxBytes: 128)
      arguments = try Self.object(&reader, "arguments") ?? [:]
      // A field of the later revision says nothing in the earlier one.
      guard revision == .stateless else { return }
      state = try reader.optionalString("requestState", maxBytes: RequestState.maxBytes)
      responses = try Self.object(&reader, "inputResponses")
    } catch {
      throw .params(error)
    }
  }

  private static func object(_ reader: inout ObjectReader, _ name: String) throws(FieldError) -> JSONObject? {
    guard let value = reader.optionalJSON(name) else { return nil }
    guard let object = value.object else {
      throw FieldError(field: reader.pathOf(name), expected: "an object", actual: value.summary)
    }
    return object
  }

  var digest: SHA256Digest { SHA256.hash(JSON.object(arguments).canonicalBytes()) }
}
