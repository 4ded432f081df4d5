/// Why a transaction or signature was not made. Nothing has left the box.
struct Web3Refusal: Error, Sendable {
  /// As of ``HostCallError/code``.
  var code: String
  /// In our own words: this may stand in the log for ever.
  var reason: String
  /// What a stranger said, a contract or a node: for the opening only.
  var detail: String?

  init(_ code: String, _ reason: String, detail: String? = nil) {
    self.code = code
    self.reason = reason
    self.detail = detail
  }

  init(_ error: ChainError) {
    self.init("upstream", error.reason)
    if case .node(_, let message, _) = error { detail = message }
  }
}
