import Cryptography

/// One file of a manifest and where it can be had from here.
struct WantedFile: Sendable {
  struct Source: Sendable {
    /// As the manifest writes it.
    var text: String
    var target: FetchTarget
  }

  /// Index in the manifest.
  var index: Int
  var path: String
  var size: Int
  var sha256: SHA256Digest
  var sources: [Source]
}
