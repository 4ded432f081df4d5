import Attestation

/// What a TPM, or the software stack in front of it, answered instead of doing what was asked (TPM_RC; TPM 2.0 part 2,
/// section 6.6; TSS 2.0 Overview, section 3.7 for the layers).
public struct TPMResponseCode: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Who answered.
  public enum Layer: Sendable, Hashable {
    case tpm
    /// The kernel's or another resource manager.
    case resourceManager
    /// The way to the TPM: it is not there, or it is gone.
    case transport
    /// The software stack in this process.
    case stack
  }

  public var layer: Layer {
    switch rawValue >> 16 {
    case 0, 12: .tpm
    case 10: .transport
    case 11: .resourceManager
    default: .stack
    }
  }

  /// What a code of format one is about, counted from 1.
  public enum Subject: Sendable, Hashable {
    case parameter(Int)
    case handle(Int)
    case session(Int)
  }

  private static let formatOne: UInt32 = 0x080

  /// nil for codes that are about no part of the command.
  public var subject: Subject? {
    guard layer == .tpm, rawValue & Self.formatOne != 0 else { return nil }
    let number = Int(rawValue >> 8 & 0xF)
    if number == 0 { return nil }
    if rawValue & 0x40 != 0 { return .parameter(number) }
    return number & 8 != 0 ? .session(number & 7) : .handle(number)
  }

  /// The code without the number of what it is about.
  public var plain: TPMResponseCode {
    guard layer == .tpm else { return self }
    let code = rawValue & 0xFFFF
    return TPMResponseCode(rawValue: code & Self.formatOne != 0 ? code & 0xBF : code)
  }

  public static let policyFail = TPMResponseCode(rawValue: 0x09D)
  public static let integrity = TPMResponseCode(rawValue: 0x09F)
  public static let nvUninitialised = TPMResponseCode(rawValue: 0x14A)
  public static let objectMemory = TPMResponseCode(rawValue: 0x902)
  public static let sessionMemory = TPMResponseCode(rawValue: 0x903)
  public static let objectHandles = TPMResponseCode(rawValue: 0x906)
  public static let sessionHandles = TPMResponseCode(rawValue: 0x905)

  /// Whether the TPM has no place left for what would have to be loaded.
  var isFull: Bool {
    [Self.objectMemory, .sessionMemory, .objectHandles, .sessionHandles].contains(plain)
  }

  /// `TPM_RC_POLICY_FAIL`; for the other layers, whose they are.
  public var name: String {
    switch layer {
    case .tpm: Self.names[plain.rawValue].map { "TPM_RC_" + $0 } ?? "an unnamed TPM_RC"
    case .resourceManager: "resource manager"
    case .transport: Self.stackNames[rawValue & 0xFFFF].map { "TSS2_TCTI_RC_" + $0 } ?? "TSS2_TCTI_RC"
    case .stack: Self.stackNames[rawValue & 0xFFFF].map { "TSS2_RC_" + $0 } ?? "TSS2_RC"
    }
  }

  /// For example `TPM_RC_POLICY_FAIL about session 1 (0x99d)`.
  public var description: String {
    let about: String
    switch subject {
    case .parameter(let number): about = " about parameter \(number)"
    case .handle(let number): about = " about handle \(number)"
    case .session(let number): about = " about session \(number)"
    case nil: about = ""
    }
    return "\(name)\(about) (0x\(String(rawValue, radix: 16)))"
  }

  private static let names: [UInt32: String] = [
    0x081: "ASYMMETRIC", 0x082: "ATTRIBUTES", 0x083: "HASH", 0x084: "VALUE", 0x085: "HIERARCHY", 0x087: "KEY_SIZE",
    0x088: "MGF", 0x089: "MODE", 0x08A: "TYPE", 0x08B: "HANDLE", 0x08C: "KDF", 0x08D: "RANGE", 0x08E: "AUTH_FAIL",
    0x08F: "NONCE", 0x090: "PP", 0x092: "SCHEME", 0x095: "SIZE", 0x096: "SYMMETRIC", 0x097: "TAG", 0x098: "SELECTOR",
    0x09A: "INSUFFICIENT", 0x09B: "SIGNATURE", 0x09C: "KEY", 0x09D: "POLICY_FAIL", 0x09F: "INTEGRITY", 0x0A0: "TICKET",
    0x0A1: "RESERVED_BITS", 0x0A2: "BAD_AUTH", 0x0A3: "EXPIRED", 0x0A4: "POLICY_CC", 0x0A5: "BINDING", 0x0A6: "CURVE",
    0x0A7: "ECC_POINT",
    0x100: "INITIALIZE", 0x101: "FAILURE", 0x103: "SEQUENCE", 0x10B: "PRIVATE", 0x119: "HMAC", 0x120: "DISABLED",
    0x121: "EXCLUSIVE", 0x124: "AUTH_TYPE", 0x125: "AUTH_MISSING", 0x126: "POLICY", 0x127: "PCR", 0x128: "PCR_CHANGED",
    0x12D: "UPGRADE", 0x12E: "TOO_MANY_CONTEXTS", 0x12F: "AUTH_UNAVAILABLE", 0x130: "REBOOT", 0x131: "UNBALANCED",
    0x142: "COMMAND_SIZE", 0x143: "COMMAND_CODE", 0x144: "AUTHSIZE", 0x145: "AUTH_CONTEXT", 0x146: "NV_RANGE",
    0x147: "NV_SIZE", 0x148: "NV_LOCKED", 0x149: "NV_AUTHORIZATION", 0x14A: "NV_UNINITIALIZED", 0x14B: "NV_SPACE",
    0x14C: "NV_DEFINED", 0x150: "BAD_CONTEXT", 0x151: "CPHASH", 0x152: "PARENT", 0x153: "NEEDS_TEST",
    0x154: "NO_RESULT", 0x155: "SENSITIVE",
    0x901: "CONTEXT_GAP", 0x902: "OBJECT_MEMORY", 0x903: "SESSION_MEMORY", 0x904: "MEMORY", 0x905: "SESSION_HANDLES",
    0x906: "OBJECT_HANDLES", 0x907: "LOCALITY", 0x908: "YIELDED", 0x909: "CANCELED", 0x90A: "TESTING",
    0x910: "REFERENCE_H0", 0x911: "REFERENCE_H1", 0x912: "REFERENCE_H2", 0x918: "REFERENCE_S0", 0x919: "REFERENCE_S1",
    0x91A: "REFERENCE_S2", 0x920: "NV_RATE", 0x921: "LOCKOUT", 0x922: "RETRY", 0x923: "NV_UNAVAILABLE",
  ]

  private static let stackNames: [UInt32: String] = [
    0x01: "GENERAL_FAILURE", 0x02: "NOT_IMPLEMENTED", 0x03: "BAD_CONTEXT", 0x04: "ABI_MISMATCH", 0x05: "BAD_REFERENCE",
    0x06: "INSUFFICIENT_BUFFER", 0x07: "BAD_SEQUENCE", 0x08: "NO_CONNECTION", 0x09: "TRY_AGAIN", 0x0A: "IO_ERROR",
    0x0B: "BAD_VALUE", 0x0C: "NOT_PERMITTED", 0x0D: "INVALID_SESSIONS", 0x11: "INSUFFICIENT_CONTEXT",
    0x12: "INSUFFICIENT_RESPONSE", 0x13: "INCOMPATIBLE_TCTI", 0x14: "NOT_SUPPORTED", 0x15: "BAD_TCTI_STRUCTURE",
    0x16: "MEMORY", 0x17: "BAD_TR", 0x18: "MULTIPLE_DECRYPT_SESSIONS", 0x19: "MULTIPLE_ENCRYPT_SESSIONS",
    0x1A: "RSP_AUTH_FAILED",
  ]
}
