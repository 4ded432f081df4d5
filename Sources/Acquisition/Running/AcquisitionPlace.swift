import Cryptography
import Models

/// Where models are put together and where they go. The lock lies beside the directory of the partial.
struct AcquisitionPlace: Sendable {
  /// Makes the directory in which the model of this digest is put together. Blocks, like the others.
  var partial: @Sendable (SHA256Digest) throws(ModelFault) -> String
  var journalPath: @Sendable (SHA256Digest) -> String
  var isInstalled: @Sendable (SHA256Digest) throws(ModelFault) -> Bool
  /// Moves the verified directory to its place.
  ///
  /// - Parameter hashed: the state of each file when it was hashed.
  var commit: @Sendable (ModelManifest, _ hashed: [String: FileIdentity]) throws(ModelFault) -> Void
  /// Removes the directory and the journal.
  var discard: @Sendable (SHA256Digest) throws(ModelFault) -> Void

  init(_ store: ModelStore) {
    partial = { (digest) throws(ModelFault) in try store.partial(for: digest) }
    journalPath = { store.journalPath(of: $0) }
    isInstalled = { (digest) throws(ModelFault) in try store.isInstalled(digest) }
    commit = { (manifest, hashed) throws(ModelFault) in try store.commit(manifest, hashed: hashed) }
    discard = { (digest) throws(ModelFault) in try store.discardPartial(of: digest) }
  }
}
