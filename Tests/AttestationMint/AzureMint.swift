public import Attestation
import CanonicalJSON
public import Cryptography

/// A paravisor of tests over ``SNPMint``: runtime data with a TPM's key, and quotes by that key.
public struct AzureMint: Sendable {
  public let hardware: SNPMint
  public var runtimeData: [UInt8]
  public var pcrs: [Int: [UInt8]]
  public var extraData: [UInt8]

  public init(hardware: SNPMint, extraData: [UInt8], userData: String = "00ff") throws {
    self.hardware = hardware
    self.extraData = extraData
    runtimeData = Self.runtimeData(key: try MintKeys.rsa2048().publicKey, userData: userData)
    pcrs = Dictionary(uniqueKeysWithValues: (0..<24).map { ($0, [UInt8](repeating: UInt8($0), count: 32)) })
  }

  public static func runtimeData(
    key: RSA.PublicKey, userData: String = "00ff", secureBoot: Bool = true, console: Bool = false,
    names: [String] = ["HCLAkPub", "HCLEkPub"]
  ) -> [UInt8] {
    // RSA-2048 with the usual exponent: the modulus stands at a fixed place in its one encoding.
    let modulus = Base64.encodeURL(Array(key.spkiDER[33..<33 + 256]))
    let keys = names.map { name -> JSON in
      ["kid": .string(name), "key_ops": ["sign"], "kty": "RSA", "e": "AQAB", "n": .string(modulus)]
    }
    let json: JSON = [
      "keys": .array(keys),
      "vm-configuration": [
        "console-enabled": .bool(console), "secure-boot": .bool(secureBoot), "tpm-enabled": true, "vmUniqueId": "VM-1",
      ],
      "user-data": .string(userData),
    ]
    return json.canonicalBytes()
  }

  /// The contents of the NV index. `altering` changes the fields of the report before it is signed.
  public func hclReport(_ altering: (inout SNPMint.Fields) -> Void = { _ in }) throws -> [UInt8] {
    let fields = SNPMint.Fields(binding: SHA256.hash(runtimeData).bytes, altering)
    return Self.hclReport(report: try hardware.report(fields), runtimeData: runtimeData)
  }

  /// - Parameter type: 2 for SNP, 4 for TDX.
  public static func hclReport(report: [UInt8], runtimeData: [UInt8], type: UInt32 = 2) -> [UInt8] {
    func little(_ value: Int) -> [UInt8] { withUnsafeBytes(of: UInt32(value).littleEndian, Array.init) }
    var bytes = Array("HCLA".utf8) + little(2) + little(32 + 1184 + 20 + runtimeData.count) + little(2)
    bytes += [UInt8](repeating: 0, count: 16) + report + [UInt8](repeating: 0, count: 1184 - report.count)
    bytes += little(20 + runtimeData.count) + little(1) + little(Int(type)) + little(1) + little(runtimeData.count)
    bytes += runtimeData
    return bytes + [UInt8](repeating: 0, count: max(0, 2600 - bytes.count))
  }

  /// TPMS_ATTEST over the registers of the bank of SHA-256 that have values.
  public func quote() throws -> [UInt8] {
    func big(_ value: Int, _ count: Int) -> [UInt8] {
      (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
    let digest = SHA256.hash(pcrs.sorted { $0.key < $1.key }.flatMap(\.value)).bytes
    var bytes = big(0xFF54_4347, 4) + big(0x8018, 2) + big(34, 2) + [0, 0x0B] + [UInt8](repeating: 9, count: 32)
    bytes += big(extraData.count, 2) + extraData
    bytes += big(1000, 8) + big(3, 4) + big(0, 4) + [1] + big(7, 8)
    var map: [UInt8] = [0, 0, 0]
    for index in pcrs.keys { map[index / 8] |= 1 << UInt8(index % 8) }
    bytes += big(1, 4) + big(0x0B, 2) + [3] + map
    return bytes + big(32, 2) + digest
  }

  public func evidence(_ altering: (inout SNPMint.Fields) -> Void = { _ in }) throws -> AzureEvidence {
    let quote = try quote()
    let signature = try MintKeys.rsa2048().signPKCS1(quote, hash: .sha256)
    return AzureEvidence(
      hclReport: try hclReport(altering), certificates: hardware.certificates, quote: quote,
      signature: TPMTSignature(scheme: .rsassa, hash: .sha256, value: signature).bytes,
      pcrs: [try PCRBank(algorithm: .sha256, values: pcrs)])
  }
}
