/// How far an acquisition is.
public struct AcquisitionProgress: Sendable, Hashable {
  /// Path of the file that last received bytes; empty while waiting for another acquisition of the same model.
  public var file: String
  /// Bytes of all files that are here, those of an earlier run included.
  public var bytesDone: Int
  /// Bytes of all files of the manifest.
  public var bytesTotal: Int
  /// Mean over the last ten seconds.
  public var bytesPerSecond: Int
  /// Nil while nothing moves.
  public var secondsLeft: Int?

  public init(file: String, bytesDone: Int, bytesTotal: Int, bytesPerSecond: Int, secondsLeft: Int?) {
    self.file = file
    self.bytesDone = bytesDone
    self.bytesTotal = bytesTotal
    self.bytesPerSecond = bytesPerSecond
    self.secondsLeft = secondsLeft
  }
}
