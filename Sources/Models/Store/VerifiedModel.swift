import Cryptography
import Glibc

/// A model whose every byte was found to be what its manifest says, held by open descriptors.
///
/// Only ``ModelStore/verify(_:reading:)`` makes one. What is read through its descriptors is what was verified, whatever
/// becomes of the names: hand the descriptors on (`/proc/self/fd/N`, or to a child), not the paths. They are closed with the
/// last reference.
public final class VerifiedModel: Sendable {
  /// One file, open for reading at offset 0.
  public struct File: Sendable {
    /// How it was found to be the manifest's.
    public enum Check: String, Sendable, Hashable {
      /// Every byte was read and hashed.
      case content
      /// The kernel vouches for the bytes: the fs-verity digest is the one recorded when every byte was hashed.
      case verity
    }

    /// Path below the model's directory.
    public let path: String
    /// Bytes.
    public let size: Int64
    public let sha256: SHA256Digest
    /// Belongs to the model; do not close it, and do not use it after the model.
    public var descriptor: Int32 { open.descriptor }
    public let check: Check

    let open: OpenModelFile
    let identity: FileIdentity
  }

  public let manifest: ModelManifest
  /// The files in the manifest's order.
  public let files: [File]
  /// The model's directory, open. Belongs to the model.
  public var directory: Int32 { top.descriptor }

  private let top: OpenDirectory
  private let store: ModelStore

  init(_ manifest: ModelManifest, files: [File], top: OpenDirectory, store: ModelStore) {
    self.manifest = manifest
    self.files = files
    self.top = top
    self.store = store
  }

  /// The manifest's digest.
  public var digest: SHA256Digest { manifest.digest }

  /// The file of that path.
  public func file(at path: String) -> File? { files.first { $0.path == path } }

  /// Checks that nothing was written since the verification and that the model's paths still lead to the verified files:
  /// for users that cannot take descriptors, right before they open the paths. Reads no content.
  ///
  /// - Throws: `changed` for a file that was written to, `swapped` for a name that leads elsewhere, and whatever
  ///   ``ModelStore/verify(_:reading:)`` throws for the shape of the directory.
  public func confirm() throws(ModelFault) {
    for file in files {
      let status = try ModelFault.calling { () throws(SystemCallFault) in
        try FileStatus(of: file.descriptor, path: file.path)
      }
      guard status.identity == file.identity else { throw .changed(path: file.path) }
    }
    let (top, now) = try store.open(manifest)
    let places = try ModelFault.calling { () throws(SystemCallFault) in (try top.status(), try self.top.status()) }
    guard places.0.identity.isSameFile(as: places.1.identity) else { throw .swapped(path: ".") }
    for (file, found) in zip(files, now) where !found.status.identity.isSameFile(as: file.identity) {
      throw .swapped(path: file.path)
    }
  }
}
