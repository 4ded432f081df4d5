public import Attestation
public import Cryptography

/// A TPM of tests: makes attestation keys, certifies them and quotes any registers, as a real one would or as none would.
public struct TPMMint: Sendable {
  public enum Key: Sendable {
    case p256(P256.PrivateKey)
    case rsa(RSA.PrivateKey)
  }

  /// What GCP and Azure give their attestation keys: restricted, sign, user with auth, made in the TPM and never to leave.
  public static let attestationKey: UInt32 = 0x0005_0072

  public let key: Key
  /// TPMA_OBJECT of the key.
  public var attributes = Self.attestationKey
  public var authPolicy: [UInt8] = []

  public init(_ key: Key) { self.key = key }

  public static func p256(_ key: P256.PrivateKey = MintKeys.machineP256) -> TPMMint { TPMMint(.p256(key)) }
  public static func rsa() throws -> TPMMint { TPMMint(.rsa(try MintKeys.rsa2048())) }

  public var publicKey: CertificateKey {
    switch key {
    case .p256(let key): .p256(key.publicKey)
    case .rsa(let key): .rsa(key.publicKey)
    }
  }

  /// TPMT_PUBLIC.
  public func area() throws -> [UInt8] {
    let head = Self.uint16(isRSA ? 0x0001 : 0x0023) + Self.uint16(0x000B) + Self.uint32(attributes)
    let common = head + Self.sized(authPolicy) + Self.uint16(0x0010)
    switch key {
    case .p256(let key):
      let point = key.publicKey.x963
      return common + Self.uint16(0x0018) + Self.uint16(0x000B) + Self.uint16(0x0003) + Self.uint16(0x0010)
        + Self.sized([UInt8](point[1..<33])) + Self.sized([UInt8](point[33...]))
    case .rsa(let key):
      let modulus = try Self.modulus(key.publicKey)
      return common + Self.uint16(0x0014) + Self.uint16(0x000B) + Self.uint16(UInt16(modulus.count * 8))
        + Self.uint32(0) + Self.sized(modulus)
    }
  }

  /// What the key's quotes call their signer: a primary key of the endorsement hierarchy, or below such a parent.
  public func qualifiedName(below parent: [UInt8]? = nil) throws -> [UInt8] {
    let root = Self.uint32(0x4000_000B)
    let ancestors = parent.map { Self.digest(root + Self.digest($0)) } ?? root
    return Self.digest(ancestors + Self.digest(try area()))
  }

  private static func digest(_ bytes: [UInt8]) -> [UInt8] { [0x00, 0x0B] + SHA256.hash(bytes).bytes }

  private var isRSA: Bool { if case .rsa = key { true } else { false } }

  private static func modulus(_ key: RSA.PublicKey) throws -> [UInt8] {
    var document = try DERReader(key.spkiDER, path: "key")
    var fields = try document.sequence("key")
    _ = try fields.sequence("algorithm")
    var body = try DERReader(try fields.bitString("key"), path: "key")
    var numbers = try body.sequence("numbers")
    return try numbers.integer("modulus", maxBytes: 1024)
  }

  /// The fields of a quote; every one can be made wrong.
  public struct Quote: Sendable {
    public var magic: UInt32 = 0xFF54_4347
    public var type: UInt16 = 0x8018
    public var qualifiedSigner: [UInt8] = [0x00, 0x0B] + [UInt8](repeating: 0x51, count: 32)
    public var extraData: [UInt8]
    public var clock: UInt64 = 123_456
    public var resetCount: UInt32 = 7
    public var restartCount: UInt32 = 2
    public var safe: UInt8 = 1
    public var firmwareVersion: UInt64 = 0x2024_0125_0012_0000
    /// Bank and indexes, in the order of the digest.
    public var selections: [(bank: BankAlgorithm, indexes: [Int])]
    public var pcrDigest: [UInt8]

    /// A quote of these registers, with the digest as the hash of the signature makes it.
    public init(_ banks: [PCRBank], extraData: [UInt8], hash: DigestAlgorithm = .sha256) {
      self.extraData = extraData
      selections = banks.map { ($0.algorithm, $0.values.keys.sorted()) }
      pcrDigest = hash.hash(banks.flatMap { bank in bank.values.sorted { $0.key < $1.key }.flatMap(\.value) })
    }

    /// TPMS_ATTEST.
    public var bytes: [UInt8] {
      var bytes = TPMMint.uint32(magic) + TPMMint.uint16(type) + TPMMint.sized(qualifiedSigner)
      bytes += TPMMint.sized(extraData) + TPMMint.uint64(clock) + TPMMint.uint32(resetCount)
      bytes += TPMMint.uint32(restartCount) + [safe] + TPMMint.uint64(firmwareVersion)
      bytes += TPMMint.uint32(UInt32(selections.count))
      for (bank, indexes) in selections {
        var map: [UInt8] = [0, 0, 0]
        for index in indexes { map[index / 8] |= 1 << UInt8(index % 8) }
        bytes += TPMMint.uint16(bank.identifier) + [3] + map
      }
      return bytes + TPMMint.sized(pcrDigest)
    }
  }

  /// TPMT_SIGNATURE with SHA-256.
  public func sign(_ message: [UInt8]) throws -> [UInt8] {
    switch key {
    case .p256(let key):
      return TPMTSignature(scheme: .ecdsa, hash: .sha256, value: try key.sign(message).p1363).bytes
    case .rsa(let key):
      return TPMTSignature(scheme: .rsassa, hash: .sha256, value: try key.signPKCS1(message, hash: .sha256)).bytes
    }
  }

  /// A certificate of the key as that of an attestation key.
  public func certificate(by authority: CertificateMint) throws -> Certificate {
    try authority.leaf(
      "Attestation key", publicKey: publicKey, extensions: [.extendedKeyUsage([.attestationKeyCertificate])])
  }

  /// A quote of the registers by this key, as evidence.
  public func evidence(
    _ banks: [PCRBank], extraData: [UInt8], certificates: [Certificate] = [],
    logs: MeasurementLogs = MeasurementLogs(), change: (inout Quote) -> Void = { _ in }
  ) throws -> TPMEvidence {
    var quote = Quote(banks, extraData: extraData)
    quote.qualifiedSigner = try qualifiedName()
    change(&quote)
    let bytes = quote.bytes
    return TPMEvidence(
      key: try area(), certificates: certificates.map(\.der), quote: bytes, signature: try sign(bytes), pcrs: banks,
      logs: logs)
  }

  static func uint16(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }
  static func uint32(_ value: UInt32) -> [UInt8] {
    uint16(UInt16(value >> 16)) + uint16(UInt16(truncatingIfNeeded: value))
  }
  static func uint64(_ value: UInt64) -> [UInt8] {
    uint32(UInt32(value >> 32)) + uint32(UInt32(truncatingIfNeeded: value))
  }
  static func sized(_ bytes: [UInt8]) -> [UInt8] { uint16(UInt16(bytes.count)) + bytes }
}
