import Cryptography
import Models

/// Where models are put together and where they go. The journal and the lock lie beside the directory of the partial, on the
/// same file system.
struct AcquisitionPlace: Sendable {
  /// The directory in which the model of this digest is put together.
  var partial: @Sendable (SHA256Digest) throws(AcquisitionFault) -> String
  var isInstalled: @Sendable (SHA256Digest) throws(AcquisitionFault) -> Bool
  /// Moves the verified directory to its place. Blocks.
  var commit: @Sendable (ModelManifest) throws(AcquisitionFault) -> Void
}
