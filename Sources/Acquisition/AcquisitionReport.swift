public import Cryptography

/// What an acquisition did.
public struct AcquisitionReport: Sendable, Hashable {
  /// One file of the model.
  public struct File: Sendable, Hashable {
    public var path: String
    public var bytes: Int
    /// Bytes that an earlier run had left; they were read back and hashed.
    public var resumedBytes: Int
    /// The sources that gave the rest, as the manifest writes them, in the order of their first request.
    public var sources: [String]

    public init(path: String, bytes: Int, resumedBytes: Int, sources: [String]) {
      self.path = path
      self.bytes = bytes
      self.resumedBytes = resumedBytes
      self.sources = sources
    }
  }

  public var manifest: SHA256Digest
  /// The model was installed already, or another acquisition installed it while this one waited; then there are no files.
  public var wasInstalled: Bool
  /// In the manifest's order.
  public var files: [File]
  /// What the owners should hear of although the model is installed.
  public var alerts: [AcquisitionAlert]
  public var duration: Duration

  public init(
    manifest: SHA256Digest, wasInstalled: Bool, files: [File], alerts: [AcquisitionAlert], duration: Duration
  ) {
    self.manifest = manifest
    self.wasInstalled = wasInstalled
    self.files = files
    self.alerts = alerts
    self.duration = duration
  }
}
