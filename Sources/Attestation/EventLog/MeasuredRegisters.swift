/// Registers whose values the hardware has signed: what logs are held against. Whoever verified a quote makes them from what
/// the signature covers, and from nothing else.
public struct MeasuredRegisters: Sendable, Hashable {
  /// Which registers they are, and with that which log belongs to them.
  public enum Family: Sendable, Hashable {
    /// PCRs of one bank of a TPM; UEFI event logs, runtime events in PCR 14.
    case pcrs
    /// RTMRs of a TDX guest, SHA-384; CCEL logs, runtime events in RTMR 3.
    case rtmrs
  }

  public let family: Family
  public let algorithm: BankAlgorithm
  /// By PCR index (0 to 23) or RTMR index (0 to 3). What was not quoted is absent.
  public let values: [Int: [UInt8]]

  /// PCRs of the bank that was quoted.
  public init(pcrs values: [Int: [UInt8]], algorithm: BankAlgorithm) {
    family = .pcrs
    self.algorithm = algorithm
    self.values = values
  }

  /// RTMR 0 to 3.
  public init(rtmrs values: [Int: [UInt8]]) {
    family = .rtmrs
    algorithm = .sha384
    self.values = values
  }

  /// Where runtime events go: a PCR that no firmware of today extends after the operating system has started, and the
  /// last RTMR, which is the guest's own.
  public var runtimeIndex: Int {
    switch family {
    case .pcrs: 14
    case .rtmrs: 3
    }
  }

  /// The name that releases use, for example `sha256.pcr4` or `rtmr1`.
  public func name(_ index: Int) -> String {
    switch family {
    case .pcrs: "\(algorithm.rawValue).pcr\(index)"
    case .rtmrs: "rtmr\(index)"
    }
  }
}
