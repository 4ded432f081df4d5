/// What a TPM says of itself. It is not signed: for people, and to choose what to try, never to trust.
public struct TPMProperties: Sendable, Hashable {
  /// The vendor's four letters in the TCG's registry, for example `AMD`, `IFX` or `IBM` (which swtpm says).
  public let manufacturer: String
  /// What else the vendor calls it, for example `SW   TPM`.
  public let vendor: String
  /// The vendor's number for the firmware.
  public let firmware: UInt64

  /// Text in properties: four bytes each, ended or filled up by zeros. What is no visible ASCII is left out.
  static func text(_ words: [UInt32]) -> String {
    let bytes = words.flatMap { word in
      stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
    }
    let text = String(decoding: bytes.filter { (0x20...0x7E).contains($0) }, as: UTF8.self)
    return String(text.reversed().drop { $0 == " " }.reversed())
  }
}

/// What a TPM knows of time (TPMS_TIME_INFO; TPM 2.0 part 2, section 10.11.6).
public struct TPMClock: Sendable, Hashable {
  /// Milliseconds since the TPM got power.
  public let time: UInt64
  /// Milliseconds of powered time since an owner cleared the TPM.
  public let clock: UInt64
  /// How often the TPM was reset: boots of the machine.
  public let resetCount: UInt32
  /// How often it was restarted or resumed since the last reset.
  public let restartCount: UInt32
  /// Whether no greater `clock` was ever reported before.
  public let isSafe: Bool
}
