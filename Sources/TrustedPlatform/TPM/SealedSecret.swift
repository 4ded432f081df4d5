public import Attestation
import CTPM
public import CanonicalJSON
public import Cryptography

/// Which values registers must have for a secret to be opened (TPM2_PolicyPCR).
public struct PCRPolicy: Sendable, Hashable {
  public let registers: PCRBank

  /// The values may be of now or of a machine that is still to boot.
  public init(_ registers: PCRBank) { self.registers = registers }

  private static let commandCode: UInt32 = 0x0000_017F

  /// The policy's digest with SHA-256 (TPM 2.0 part 3, section 23.7): zeros, TPM_CC_PolicyPCR, the selection and the digest
  /// of the values, hashed.
  public var digest: SHA256Digest {
    let indexes = registers.values.keys.sorted()
    var map: [UInt8] = [0, 0, 0]
    for index in indexes { map[index / 8] |= 1 << UInt8(index % 8) }
    let values = SHA256.hash(indexes.flatMap { registers[$0] ?? [] })
    return SHA256.hash(
      [UInt8](repeating: 0, count: 32) + Self.big(Self.commandCode) + Self.big(1)
        + [UInt8(registers.algorithm.identifier >> 8), UInt8(truncatingIfNeeded: registers.algorithm.identifier), 3]
        + map + values.bytes)
  }

  private static func big(_ value: UInt32) -> [UInt8] {
    stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
  }
}

/// A secret that one TPM opens while its registers are those of a policy. It is no secret itself: keep it anywhere.
public struct SealedSecret: Sendable, Hashable {
  /// The longest secret, in bytes (MAX_SYM_DATA).
  public static let maxSecretBytes = 128
  public static let maxBytes = 2048
  private static let version: UInt8 = 1

  let bank: BankAlgorithm
  let registers: Set<Int>
  /// TPMT_PUBLIC: the policy's digest is in it.
  let publicArea: [UInt8]
  /// Contents of TPM2B_PRIVATE.
  let privateArea: [UInt8]

  init(bank: BankAlgorithm, registers: Set<Int>, publicArea: [UInt8], privateArea: [UInt8]) {
    self.bank = bank
    self.registers = registers
    self.publicArea = publicArea
    self.privateArea = privateArea
  }

  /// Reads what ``bytes`` gives (docs/attestation/platforms.md), and nothing after it.
  public init(_ bytes: [UInt8]) throws(FieldError) {
    guard bytes.count <= Self.maxBytes else {
      throw FieldError(field: "sealed", expected: "at most \(Self.maxBytes) bytes", actual: "\(bytes.count) bytes")
    }
    var reader = ByteReader(bytes, path: "sealed")
    let version = try reader.uint8("version")
    guard version == Self.version else {
      throw FieldError(field: "sealed.version", expected: "\(Self.version)", actual: "\(version)")
    }
    let identifier = try reader.uint16(bigEndian: "bank")
    guard let bank = BankAlgorithm(identifier: identifier) else {
      throw FieldError(field: "sealed.bank", expected: "a known bank", actual: "\(identifier)")
    }
    self.bank = bank
    let map = try reader.bytes(3, "registers")
    registers = Set(PCRBank.indexes.filter { map[$0 / 8] >> UInt8($0 % 8) & 1 == 1 })
    guard !registers.isEmpty else {
      throw FieldError(field: "sealed.registers", expected: "at least one register", actual: "none")
    }
    publicArea = try reader.sized16("public", max: 1024)
    privateArea = try reader.sized16("private", max: 1024)
    try reader.finish()
  }

  /// Version 1, TPM_ALG_ID of the bank, three bytes that select registers, and the two areas with their lengths.
  public var bytes: [UInt8] {
    var map: [UInt8] = [0, 0, 0]
    for index in registers { map[index / 8] |= 1 << UInt8(index % 8) }
    return [Self.version] + Self.word(Int(bank.identifier)) + map + Self.word(publicArea.count) + publicArea
      + Self.word(privateArea.count) + privateArea
  }

  private static func word(_ value: Int) -> [UInt8] {
    [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
  }
}

extension TPMDevice {
  /// Encrypts a secret so that only this TPM opens it, and only while its registers are those of the policy. It crosses the
  /// bus encrypted for the TPM's storage key, as far as the TPM on the bus is the one that it says it is.
  ///
  /// - Parameter secret: 1 to 128 bytes.
  public func seal(_ secret: SecretBytes, to policy: PCRPolicy) async throws(TPMFailure) -> SealedSecret {
    let operation = "seal a secret"
    let registers = Set(policy.registers.values.keys)
    _ = try RegisterSelection(registers, operation: operation)
    guard (1...SealedSecret.maxSecretBytes).contains(secret.count) else {
      throw .field(
        operation: operation,
        FieldError(
          field: "secret", expected: "1 to \(SealedSecret.maxSecretBytes) bytes", actual: "\(secret.count) bytes"))
    }
    return try await perform(operation) { (connection) throws(TPMFailure) in
      let digest = policy.digest.bytes
      let (code, publicArea, privateArea) = TPMConnection.filling(1024, 1024) { area, areaCount, other, otherCount in
        secret.withUnsafeBytes {
          ctpm_seal(
            connection.tpm, digest, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count, area, areaCount,
            other, otherCount)
        }
      }
      try connection.check(code)
      return SealedSecret(
        bank: policy.registers.algorithm, registers: registers, publicArea: publicArea, privateArea: privateArea)
    }
  }

  /// Opens a secret.
  ///
  /// - Throws: `refused` with `TPM_RC_POLICY_FAIL` when the registers are others now, and with `TPM_RC_INTEGRITY` when
  ///   another TPM sealed it or somebody changed it.
  public func unseal(_ sealed: SealedSecret) async throws(TPMFailure) -> SecretBytes {
    let operation = "unseal a secret"
    let selection = try RegisterSelection(sealed.registers, operation: operation)
    return try await perform(operation) { (connection) throws(TPMFailure) in
      var code: UInt32 = 0
      var count = SealedSecret.maxSecretBytes
      let room = SecretBytes(count: count) { buffer in
        code = ctpm_unseal(
          connection.tpm, sealed.bank.identifier, selection.map, sealed.publicArea, sealed.publicArea.count,
          sealed.privateArea, sealed.privateArea.count, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), &count)
      }
      try connection.check(code)
      return room.withUnsafeBytes { filled in
        SecretBytes(count: count) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: filled[..<count])) }
      }
    }
  }
}
