import CanonicalJSON
import Cryptography
import Governance
import Models
import Packages

/// Holds what is proposed to the privileged process against the manifest that it names. That process does so again, for
/// itself; here what could never be carried out is refused before anybody is asked to approve it.
struct SystemProposals: Sendable {
  let manifests: ContentStore

  /// Throws ``FieldError`` for the first member that is not what the manifest says.
  func check(_ action: Action) async throws {
    switch try SystemOrder.of(action) {
    case .installModel(let record):
      let manifest = try ModelManifest(parsing: try await document(record.manifest))
      let facts = manifest.facts
      try hold("name", record.name, facts.name)
      try hold("version", record.version, facts.version)
      try hold("bytes", "\(record.bytes)", "\(facts.bytes)")
      try hold("files", "\(record.files)", "\(facts.files)")
      try hold("licence", record.licence, facts.licence)
      if let runner = facts.runner { try hold("runner", record.runner.hex, runner.hex) }
    case .installPackages(let record):
      let manifest = try PackageManifest(parsing: try await document(record.manifest))
      try hold("name", record.name, manifest.name)
      try hold("packages", "\(record.packages)", "\(manifest.packages.count)")
      try hold("bytes", "\(record.bytes)", "\(manifest.totalBytes)")
    default: return
    }
  }

  private func document(_ digest: SHA256Digest) async throws -> [UInt8] {
    guard let bytes = try await manifests.document(digest) else {
      throw FieldError(
        field: "action.params.manifest", expected: "the digest of a manifest that was sent to /v1/manifests before",
        actual: digest.hex)
    }
    return bytes
  }

  private func hold(_ name: String, _ actual: String, _ expected: String) throws(FieldError) {
    guard actual.utf8.elementsEqual(expected.utf8) else {
      throw FieldError(
        field: "action.params.\(name)", expected: "\(JSON.string(expected).summary), as the manifest says",
        actual: JSON.string(actual).summary)
    }
  }
}
