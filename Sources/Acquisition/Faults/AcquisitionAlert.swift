/// Something that the owners should hear of, whether or not the acquisition succeeds in the end: a source offered other bytes
/// than the approved ones, or led to an address inside.
public struct AcquisitionAlert: Sendable, Hashable, CustomStringConvertible {
  /// Path of the file in the manifest.
  public var file: String
  /// The source as the manifest writes it.
  public var source: String
  public var fault: SourceFault

  public init(file: String, source: String, fault: SourceFault) {
    self.file = file
    self.source = source
    self.fault = fault
  }

  public var description: String { "\(file) from \(source): \(fault)" }
}
