import Cryptography
import Glibc
import Models

/// Where models are put together and where they go. The lock lies beside the directory of the partial.
struct AcquisitionPlace: Sendable {
  /// Makes the directory in which the model of this digest is put together. Blocks, like the others.
  var partial: @Sendable (SHA256Digest) throws(ModelFault) -> String
  var journalPath: @Sendable (SHA256Digest) -> String
  var lockPath: @Sendable (SHA256Digest) -> String
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
    lockPath = { store.partialPath(of: $0) + ".lock" }
    isInstalled = { (digest) throws(ModelFault) in try store.isInstalled(digest) }
    commit = { (manifest, hashed) throws(ModelFault) in try store.commit(manifest, hashed: hashed) }
    discard = { (digest) throws(ModelFault) in try store.discardPartial(of: digest) }
  }

  /// Whether a process that died in the moment of success left something beside the model.
  func hasLeftovers(_ digest: SHA256Digest) -> Bool {
    access(journalPath(digest), F_OK) == 0 || access(lockPath(digest), F_OK) == 0
  }

  /// Commits, and waits a moment for a child process that is just being started elsewhere in this one: until its exec it holds
  /// every file that was open, those closed since included, and the store sees a writer.
  func commitPatiently(_ manifest: ModelManifest, _ hashed: [String: FileIdentity]) throws(ModelFault) {
    for _ in 0..<Self.patience {
      do throws(ModelFault) {
        return try commit(manifest, hashed)
      } catch {
        guard case .openForWriting = error else { throw error }
        usleep(Self.pauseMicroseconds)
      }
    }
    try commit(manifest, hashed)
  }

  /// The store waits for a few seconds by itself each time.
  private static let patience = 3
  private static let pauseMicroseconds: UInt32 = 50_000
}
