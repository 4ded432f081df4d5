import CanonicalJSON

/// The name under which a client wants to hear how its request gets on.
struct ProgressToken: Sendable {
  let json: JSON

  /// `_meta.progressToken`; nil where there is none.
  init?(_ meta: JSONObject) throws(RPCError) {
    guard let token = meta["progressToken"] else { return nil }
    guard RequestID(token) != nil else {
      throw .params(
        FieldError(
          field: "params._meta.progressToken", expected: "an integer or a string of at most 256 bytes",
          actual: token.summary))
    }
    json = token
  }
}
