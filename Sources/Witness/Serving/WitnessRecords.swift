/// Where a witness remembers what it cosigned: one note for each log.
///
/// `replace` is the commit point. When it returns, the note survives a power cut. When it throws, nobody knows whether it
/// does, so the witness stops: a record that is behind what was revealed would let a log roll back.
public protocol WitnessRecords: AnyObject {
  /// The last cosigned checkpoint of each log, by the octets of its origin.
  func load() throws -> [[UInt8]: [UInt8]]

  /// Makes `note` the record of a log, durably.
  ///
  /// - Parameter known: The record that the decision was made from; nil for none. If the store holds another, it throws
  ///   and changes nothing: somebody else is writing to it.
  func replace(_ known: [UInt8]?, with note: [UInt8], origin: [UInt8]) throws
}
