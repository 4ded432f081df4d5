import CanonicalJSON

/// The revisions of the Model Context Protocol that are spoken here, newest first.
public enum Revision: String, Sendable, CaseIterable {
  /// Stateless: every request says its revision and what its client can do.
  case stateless = "2026-07-28"
  /// With a handshake, and with sessions over HTTP.
  case handshake = "2025-11-25"

  /// All of them, for `supportedVersions`.
  static let list = JSON.array(allCases.map { .string($0.rawValue) })
}

/// What one client can do, as it said itself.
struct ClientTraits: Sendable {
  var revision: Revision
  /// Whether it shows URLs to its user (`elicitation.url`).
  var showsURLs: Bool

  init(_ revision: Revision, capabilities: JSONObject) {
    self.revision = revision
    showsURLs = capabilities["elicitation"]?["url"]?.object != nil
  }
}
