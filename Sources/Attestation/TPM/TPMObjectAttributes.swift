/// What a key in a TPM may be used for, and whether it can leave (TPMA_OBJECT; TPM 2.0 part 2, section 8.3).
public struct TPMObjectAttributes: OptionSet, Sendable, Hashable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The key can never be moved to another TPM.
  public static let fixedTPM = TPMObjectAttributes(rawValue: 1 << 1)
  public static let stClear = TPMObjectAttributes(rawValue: 1 << 2)
  /// The key can never be moved below another parent.
  public static let fixedParent = TPMObjectAttributes(rawValue: 1 << 4)
  /// The TPM made the private part; nobody imported it.
  public static let sensitiveDataOrigin = TPMObjectAttributes(rawValue: 1 << 5)
  public static let userWithAuth = TPMObjectAttributes(rawValue: 1 << 6)
  public static let adminWithPolicy = TPMObjectAttributes(rawValue: 1 << 7)
  public static let noDictionaryAttacks = TPMObjectAttributes(rawValue: 1 << 10)
  public static let encryptedDuplication = TPMObjectAttributes(rawValue: 1 << 11)
  /// The key signs only what the TPM itself composed: a quote under it cannot be forged by asking it to sign a text.
  public static let restricted = TPMObjectAttributes(rawValue: 1 << 16)
  public static let decrypt = TPMObjectAttributes(rawValue: 1 << 17)
  public static let sign = TPMObjectAttributes(rawValue: 1 << 18)
  /// The signature has no scheme of X.509 before it (part 2, section 8.3.3.13).
  public static let x509Sign = TPMObjectAttributes(rawValue: 1 << 19)

  /// All bits that revision 1.59 gives a meaning; others must be zero.
  static let defined = TPMObjectAttributes(rawValue: 0x000F_0CF6)

  /// Name of each bit that is set, in the order of the bits.
  public var names: [String] {
    let all: [(TPMObjectAttributes, String)] = [
      (.fixedTPM, "fixedTPM"), (.stClear, "stClear"), (.fixedParent, "fixedParent"),
      (.sensitiveDataOrigin, "sensitiveDataOrigin"), (.userWithAuth, "userWithAuth"),
      (.adminWithPolicy, "adminWithPolicy"), (.noDictionaryAttacks, "noDA"),
      (.encryptedDuplication, "encryptedDuplication"), (.restricted, "restricted"), (.decrypt, "decrypt"),
      (.sign, "sign"), (.x509Sign, "x509sign"),
    ]
    return all.filter { contains($0.0) }.map(\.1)
  }
}
