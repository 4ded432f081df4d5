import Storage
import TransparencyLog

/// What `safebox doctor` looks at in the log; reads only, also beside a running box.
public enum DoctorInspection {
  public struct Fault: Error, CustomStringConvertible {
    public let description: String
  }

  /// Folds every entry and holds the root of the stored tiles against the signed checkpoint and its keys.
  public static func run(_ directory: DataDirectory) throws {
    let reader = try LogReader(path: directory.logPath)
    let signers = try CheckpointSigners(
      origin: try reader.origin(), keys: try directory.keys(origin: try reader.origin()))
    guard let signed = try reader.latestCheckpoint() else { throw Fault(description: "the log has no checkpoint") }
    _ = try signed.verified(log: signers.log, requiring: .everyKey)
    _ = try LogFold.run(reader, epochs: EpochArchive())
  }
}
