/// One event of a log, as it was written. Only the digests are ever held against hardware.
public struct LoggedEvent: Sendable, Hashable {
  /// PCR or RTMR index. nil where the event belongs to no register, which only an event that is not extended may.
  public let register: Int?
  public let type: EventType
  /// What was extended, by bank.
  public let digests: [BankAlgorithm: [UInt8]]
  /// What the digest may be of, or a description of it. nil where the log left it out.
  public let data: [UInt8]?
  /// The name that dstack's logs give beside the data.
  public let label: String?

  public init(
    register: Int?, type: EventType, digests: [BankAlgorithm: [UInt8]], data: [UInt8]?, label: String? = nil
  ) {
    self.register = register
    self.type = type
    self.digests = digests
    self.data = data
    self.label = label
  }

  /// Whether it was extended.
  public var isMeasured: Bool { type != .noAction }

  /// The data, where the digest of this bank is its hash: then the hardware vouches for it, and otherwise for nothing but
  /// the digest.
  func provedData(_ bank: BankAlgorithm) -> [UInt8]? {
    guard isMeasured, let data, digests[bank] == bank.hash(data) else { return nil }
    return data
  }

  /// Whether the digest of this bank is the hash of the bytes.
  func isDigest(of bytes: [UInt8], _ bank: BankAlgorithm) -> Bool { digests[bank] == bank.hash(bytes) }
}
