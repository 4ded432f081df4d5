import CanonicalJSON
import Governance
import HostCalls
import Runs

/// Holds what is proposed about tools against what only the box knows: its methods and its store of sources. The fold takes
/// a manifest as it is, so what could never work is refused before anybody is asked to approve it.
struct ToolProposals: Sendable {
  let sources: ContentStore
  let methods: [String: HostMethod]
  let sessions: any SessionSource

  /// Throws ``FieldError`` for the first member that could not work.
  func check(_ action: Action) async throws {
    guard action.type == ActionType.registerTool else { return }
    try await check(manifest: action.params["manifest"] ?? .null)
  }

  private func check(manifest json: JSON) async throws {
    let path = "action.params.manifest"
    let manifest = try ToolManifest(json: json, path: path)
    try ToolInspection.checkGrants(manifest, methods: methods, path: path)
    guard let source = try await sources.document(manifest.source) else {
      throw FieldError(
        field: "\(path).source", expected: "the digest of a source that was sent to /v1/sources before",
        actual: manifest.source.hex)
    }
    if let failure = await ToolInspection.sourceFailure(of: manifest, source: source, in: sessions) {
      throw FieldError(field: "\(path).source", expected: "an ES module that parses", actual: failure.message)
    }
  }
}
