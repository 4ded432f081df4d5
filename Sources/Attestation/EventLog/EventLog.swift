public import CanonicalJSON

/// A log of what was measured into registers, read strictly: every length is checked before anything is taken, nothing may
/// follow but the padding of a CCEL, and no event has a digest twice or of a bank that the log does not announce.
///
/// A log is untrusted until a replay yields registers that hardware has signed (``EventLogVerifier``).
public struct EventLog: Sendable, Hashable {
  public enum Form: String, Sendable, Hashable {
    /// TCG_PCR_EVENT2 with a Spec ID event before them.
    case cryptoAgile = "crypto-agile"
    /// TCG_PCR_EVENT of TPM 1.2: SHA-1 only.
    case legacy
    /// dstack's JSON for RTMRs.
    case dstack
  }

  public enum Limits {
    public static let bytes = MeasurementLogs.maxEventLogBytes
    public static let events = 8192
    public static let banks = 8
  }

  public let form: Form
  /// The banks that every event has a digest of which was extended, as far as this program computes them. A bank that some
  /// event was left out of cannot be replayed: the event may have been extended there all the same.
  public let banks: [BankAlgorithm]
  public let events: [LoggedEvent]
  /// The locality that started the TPM, with which PCR 0 begins (section 10.4.5.3); nil where the log does not say.
  public let startupLocality: UInt8?
  /// Bytes of 0x00 or 0xff after the last event: a CCEL fills a buffer of the firmware's choosing.
  public let paddingCount: Int

  public init(
    form: Form, banks: [BankAlgorithm], events: [LoggedEvent], startupLocality: UInt8? = nil, paddingCount: Int = 0
  ) {
    self.form = form
    self.banks = banks
    self.events = events
    self.startupLocality = startupLocality
    self.paddingCount = paddingCount
  }

  /// Reads a log. Which layouts there are depends on the registers that it is about.
  ///
  /// - Throws: The field (`event[N].…`) and what was expected there.
  public init(parsing bytes: [UInt8], for family: MeasuredRegisters.Family) throws(FieldError) {
    guard !bytes.isEmpty else {
      throw FieldError(field: "eventLog", expected: "events", actual: "a log of no bytes")
    }
    guard bytes.count <= Limits.bytes else {
      throw FieldError(
        field: "eventLog", expected: "at most \(Limits.bytes) bytes", actual: "\(bytes.count) bytes")
    }
    if family == .rtmrs, bytes.first == UInt8(ascii: "[") {
      self = try DstackEventLog.read(bytes)
    } else {
      var reader = BinaryEventLogReader(bytes, family: family)
      self = try reader.read()
    }
  }

  /// Whether bytes begin as logs of TPM 2.0 and TDX do: with an event whose data begins with this signature.
  static func isMarked(_ bytes: [UInt8]) -> Bool {
    bytes.dropFirst(32).starts(with: BinaryEventLogReader.specIDSignature)
  }

  /// What the registers hold after all events of a bank, by index; registers into which nothing was extended are absent.
  public func replay(_ bank: BankAlgorithm) -> [Int: [UInt8]] {
    var values: [Int: [UInt8]] = [:]
    for event in events where event.isMeasured {
      guard let register = event.register, let digest = event.digests[bank] else { continue }
      values[register] = bank.extend(values[register] ?? initial(register, bank), with: digest)
    }
    return values
  }

  /// What a register holds before the first event.
  func initial(_ register: Int, _ bank: BankAlgorithm) -> [UInt8] {
    guard register == 0, let startupLocality else { return bank.zeros }
    return Array(bank.zeros.dropLast()) + [startupLocality]
  }
}
