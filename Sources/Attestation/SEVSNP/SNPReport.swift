public import CanonicalJSON
import Cryptography

/// An attestation report of the SEV-SNP firmware, versions 2 to 5 (AMD 56860 table 23). Version 3 added the processor's
/// family, model and stepping, version 5 the mitigation vectors.
///
/// Exactly 1184 bytes; reserved bytes must be zero, also those behind the numbers of the signature, which nothing signs.
public struct SNPReport: Sendable, Hashable {
  public static let byteCount = 0x4A0
  /// The first 672 bytes are signed.
  static let signedByteCount = 0x2A0
  public static let versions: ClosedRange<UInt32> = 2...5

  /// The key of the firmware that signed (bits 4:2 of the word at 0x48).
  public enum SigningKey: String, Sendable, Hashable, CaseIterable {
    /// A key of this one chip.
    case vcek
    /// A key that AMD gave to the provider of the cloud, loaded into all its chips.
    case vlek
  }

  /// A version of the firmware.
  public struct Firmware: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let major: UInt8
    public let minor: UInt8
    public let build: UInt8

    public var description: String { "\(major).\(minor).\(build)" }

    public static func < (left: Firmware, right: Firmware) -> Bool {
      (left.major, left.minor, left.build) < (right.major, right.minor, right.build)
    }
  }

  public let version: UInt32
  public let guestSVN: UInt32
  public let policy: SNPGuestPolicy
  public let familyID: [UInt8]
  public let imageID: [UInt8]
  /// The privilege level that asked: 0 is the highest, a paravisor where there is one.
  public let vmpl: UInt32
  let currentTCB: [UInt8]
  public let platform: SNPPlatformInfo
  /// Whether the identity key was certified by an author key.
  public let hasAuthorKey: Bool
  /// The host has forbidden signatures by the chip's key: the firmware writes zeros instead of one.
  public let masksChipKey: Bool
  public let signingKey: SigningKey
  /// What the guest bound into the report, 64 bytes.
  public let reportData: [UInt8]
  /// The launch measurement, 48 bytes.
  public let measurement: [UInt8]
  /// What the host bound to the guest at launch, 32 bytes.
  public let hostData: [UInt8]
  /// SHA-384 of the key that signed the guest's identity block; zeros where there was none.
  public let idKeyDigest: [UInt8]
  /// SHA-384 of the key that certified the former.
  public let authorKeyDigest: [UInt8]
  public let reportID: [UInt8]
  /// The report of the migration agent; all ones where the guest has none.
  public let migrationAgentReportID: [UInt8]
  let reportedTCB: [UInt8]
  /// Family, model and stepping, from version 3 on.
  public let cpuid: CPUID?
  /// 64 bytes; zeros where the host masks it.
  public let chipID: [UInt8]
  let committedTCB: [UInt8]
  public let currentFirmware: Firmware
  public let committedFirmware: Firmware
  let launchTCB: [UInt8]
  /// Mitigations that held when the guest was launched, and that hold now: from version 5 on.
  public let launchMitigations: UInt64?
  public let currentMitigations: UInt64?
  /// r || s, each 48 bytes, big-endian.
  let signature: [UInt8]
  let signedBytes: [UInt8]

  public struct CPUID: Sendable, Hashable, CustomStringConvertible {
    public let family: UInt8
    public let model: UInt8
    public let stepping: UInt8

    public var description: String { "family \(family), model \(model), stepping \(stepping)" }
  }

  /// Reads the whole of `bytes`.
  public init(_ bytes: [UInt8]) throws(FieldError) {
    guard bytes.count == Self.byteCount else {
      throw FieldError(field: "report", expected: "\(Self.byteCount) bytes", actual: "\(bytes.count) bytes")
    }
    signedBytes = [UInt8](bytes.prefix(Self.signedByteCount))
    var reader = ByteReader(bytes, path: "report")
    version = try reader.uint32(littleEndian: "version")
    guard Self.versions.contains(version) else {
      throw FieldError(field: "report.version", expected: "2 to 5", actual: String(version))
    }
    guestSVN = try reader.uint32(littleEndian: "guest svn")
    policy = SNPGuestPolicy(bits: try reader.uint64(littleEndian: "policy"))
    guard policy.isWellFormed else {
      throw FieldError(
        field: "report.policy", expected: "bit 17 set and bits 26 to 63 clear", actual: hexadecimal(policy.bits))
    }
    familyID = try reader.bytes(16, "family id")
    imageID = try reader.bytes(16, "image id")
    vmpl = try reader.uint32(littleEndian: "vmpl")
    guard vmpl <= 3 else { throw FieldError(field: "report.vmpl", expected: "0 to 3", actual: String(vmpl)) }
    let algorithm = try reader.uint32(littleEndian: "signature algorithm")
    guard algorithm == 1 else {
      throw FieldError(
        field: "report.signature algorithm", expected: "1, ECDSA P-384 with SHA-384", actual: String(algorithm))
    }
    currentTCB = try reader.bytes(8, "current tcb")
    platform = SNPPlatformInfo(bits: try reader.uint64(littleEndian: "platform"))
    let keys = try reader.uint32(littleEndian: "key information")
    (hasAuthorKey, masksChipKey, signingKey) = try Self.keyInformation(keys)
    try reader.zeros(4, "reserved at 0x4c")
    reportData = try reader.bytes(64, "report data")
    measurement = try reader.bytes(48, "measurement")
    hostData = try reader.bytes(32, "host data")
    idKeyDigest = try reader.bytes(48, "id key digest")
    authorKeyDigest = try reader.bytes(48, "author key digest")
    reportID = try reader.bytes(32, "report id")
    migrationAgentReportID = try reader.bytes(32, "report id of the migration agent")
    reportedTCB = try reader.bytes(8, "reported tcb")
    if version >= 3 {
      cpuid = CPUID(
        family: try reader.uint8("family"), model: try reader.uint8("model"), stepping: try reader.uint8("stepping"))
    } else {
      cpuid = nil
      try reader.zeros(3, "reserved at 0x188")
    }
    try reader.zeros(21, "reserved at 0x18b")
    chipID = try reader.bytes(64, "chip id")
    committedTCB = try reader.bytes(8, "committed tcb")
    currentFirmware = try Self.firmware(&reader, "current version")
    committedFirmware = try Self.firmware(&reader, "committed version")
    launchTCB = try reader.bytes(8, "launch tcb")
    if version >= 5 {
      launchMitigations = try reader.uint64(littleEndian: "launch mitigations")
      currentMitigations = try reader.uint64(littleEndian: "current mitigations")
    } else {
      (launchMitigations, currentMitigations) = (nil, nil)
      try reader.zeros(16, "reserved at 0x1f8")
    }
    try reader.zeros(152, "reserved at 0x208")
    signature = try Self.number(&reader, "signature r") + Self.number(&reader, "signature s")
    try reader.zeros(368, "reserved behind the signature")
    try reader.finish()
  }

  private static func keyInformation(_ word: UInt32) throws(FieldError) -> (Bool, Bool, SigningKey) {
    guard word >> 5 == 0 else {
      throw FieldError(
        field: "report.key information", expected: "bits 5 to 31 clear", actual: hexadecimal(UInt64(word)))
    }
    let key: SigningKey
    switch word >> 2 & 7 {
    case 0: key = .vcek
    case 1: key = .vlek
    case let other:
      throw FieldError(
        field: "report.signing key", expected: "0 (VCEK) or 1 (VLEK)", actual: other == 7 ? "7, none" : String(other))
    }
    return (word & 1 == 1, word >> 1 & 1 == 1, key)
  }

  private static func firmware(_ reader: inout ByteReader, _ field: String) throws(FieldError) -> Firmware {
    let build = try reader.uint8(field)
    let minor = try reader.uint8(field)
    let major = try reader.uint8(field)
    try reader.zeros(1, "reserved behind the \(field)")
    return Firmware(major: major, minor: minor, build: build)
  }

  /// A number of the signature: little-endian, 48 of 72 bytes (AMD 56860 table 141). Flipping a byte of the rest leaves the
  /// signature valid, so it must be zero.
  private static func number(_ reader: inout ByteReader, _ field: String) throws(FieldError) -> [UInt8] {
    let number = try reader.bytes(48, field)
    try reader.zeros(24, "reserved behind \(field)")
    return number.reversed()
  }
}
