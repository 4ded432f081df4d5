public import CanonicalJSON

/// What the owner of a guest demanded of the platform at launch (AMD 56860 table 9). The firmware enforces it as long as the
/// guest lives.
public struct SNPGuestPolicy: Sendable, Hashable {
  public let bits: UInt64

  public init(bits: UInt64) { self.bits = bits }

  public var abiMinor: UInt8 { UInt8(truncatingIfNeeded: bits) }
  public var abiMajor: UInt8 { UInt8(truncatingIfNeeded: bits >> 8) }
  /// The guest may run where hyper-threading is on.
  public var allowsSMT: Bool { has(16) }
  /// A migration agent may move the guest, and read it.
  public var allowsMigration: Bool { has(18) }
  /// The host may read and write the guest's memory.
  public var allowsDebug: Bool { has(19) }
  public var demandsSingleSocket: Bool { has(20) }
  public var allowsCXL: Bool { has(21) }
  public var demandsAES256XTS: Bool { has(22) }
  /// The power meter, by which secrets were read (CVE-2020-12912), must be off.
  public var demandsNoRAPL: Bool { has(23) }
  public var demandsCiphertextHiding: Bool { has(24) }
  public var forbidsPageSwap: Bool { has(25) }

  /// Bit 17 must be one, and the bits that nobody has defined zero.
  public var isWellFormed: Bool { has(17) && bits >> 26 == 0 }

  private func has(_ bit: UInt64) -> Bool { bits >> bit & 1 == 1 }

  public var json: JSON {
    [
      "bits": .string(hexadecimal(bits)), "abi": .string("\(abiMajor).\(abiMinor)"), "smt": .bool(allowsSMT),
      "migration": .bool(allowsMigration), "debug": .bool(allowsDebug), "singleSocket": .bool(demandsSingleSocket),
      "cxl": .bool(allowsCXL), "aes256xts": .bool(demandsAES256XTS), "raplOff": .bool(demandsNoRAPL),
      "ciphertextHiding": .bool(demandsCiphertextHiding), "pageSwapOff": .bool(forbidsPageSwap),
    ]
  }
}

/// What is on and off in the platform now (AMD 56860 table 24).
public struct SNPPlatformInfo: Sendable, Hashable {
  public let bits: UInt64

  public init(bits: UInt64) { self.bits = bits }

  public enum Flag: String, Sendable, Hashable, CaseIterable {
    case smt
    /// Memory that no guest owns is encrypted too.
    case tsme
    case ecc
    case raplOff
    case ciphertextHiding
    /// The firmware found no two addresses for one cell of memory (CVE-2024-21944, by a false size on a module).
    case aliasCheck
    case iommuWriteSafe
    case tio

    var mask: UInt64 {
      switch self {
      case .smt: 1 << 0
      case .tsme: 1 << 1
      case .ecc: 1 << 2
      case .raplOff: 1 << 3
      case .ciphertextHiding: 1 << 4
      case .aliasCheck: 1 << 5
      case .iommuWriteSafe: 1 << 6
      case .tio: 1 << 7
      }
    }
  }

  public func has(_ flag: Flag) -> Bool { bits & flag.mask != 0 }
  /// Whether only defined bits are set.
  public var isWellFormed: Bool { bits >> 8 == 0 }

  public var json: JSON {
    .object(JSONObject(Flag.allCases.map { ($0.rawValue, .bool(has($0))) }))
  }
}

/// `0x3001f`.
func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
