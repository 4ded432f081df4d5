import Attestation
import CanonicalJSON
import Cryptography

/// Structures of a TPM, and the forms in which tools hand out quotes. What is read is what was given, and nothing that nobody
/// trusted has signed is accepted.
enum TPMTargets {
  private static func sized(_ bytes: some Collection<UInt8>) -> [UInt8] {
    [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
  }

  private static let quoteSeed: [UInt8] =
    [0xFF, 0x54, 0x43, 0x47, 0x80, 0x18] + sized([0, 0x0B] + [UInt8](repeating: 5, count: 32)) + sized([1, 2, 3, 4])
    + [UInt8](repeating: 0, count: 15) + [1, 1] + [UInt8](repeating: 0, count: 8)
    + [0, 0, 0, 1, 0, 0x0B, 3, 3, 0, 0] + sized([UInt8](repeating: 9, count: 32))

  private static let signer = P256.PrivateKey.generate()

  private static let keySeeds: [[UInt8]] = {
    let point = signer.publicKey.x963
    let head: [UInt8] = [0, 0x0B, 0, 5, 0, 0x72, 0, 0, 0, 0x10]
    let ecc = [0, 0x23] + head + [0, 0x18, 0, 0x0B, 0, 3, 0, 0x10] + sized(point[1..<33]) + sized(point[33...])
    let rsa = [0, 0x01] + head + [0, 0x14, 0, 0x0B, 8, 0, 0, 0, 0, 0] + sized([UInt8](repeating: 0xC3, count: 256))
    let storage: [UInt8] = [0, 0x0B, 0, 3, 0, 0xB2, 0, 0, 0, 6, 0, 128, 0, 0x43]
    let parent = [0, 0x23] + storage + [0, 0x10, 0, 3, 0, 0x10] + sized(point[1..<33]) + sized(point[33...])
    return [ecc, rsa, sized(ecc), parent, signer.publicKey.spkiDER]
  }()

  private static let signatureSeeds: [[UInt8]] = [
    [0, 0x18, 0, 0x0B] + sized([UInt8](repeating: 7, count: 32)) + sized([UInt8](repeating: 8, count: 32)),
    [0, 0x14, 0, 0x0B] + sized([UInt8](repeating: 7, count: 256)), [0, 0x16, 0, 0x0C] + sized([1]),
  ]

  static let quote = FuzzTarget(name: "tpm.quote", shape: .binary, seeds: [quoteSeed]) {
    input throws(FuzzTarget.Violation) in
    let quote: TPMQuote
    do throws(FieldError) {
      quote = try TPMQuote(input)
    } catch {
      return error.field
    }
    try FuzzTarget.require(quote.bytes == input, "a quote of other bytes")
    try FuzzTarget.require(
      quote.selections.allSatisfy { $0.indexes.allSatisfy(PCRBank.indexes.contains) }, "a register outside 0 to 23")
    return "accepted \(quote.selections.count)"
  }

  static let key = FuzzTarget(name: "tpm.key", shape: .binary, seeds: keySeeds) { input throws(FuzzTarget.Violation) in
    let area: TPMTPublic
    do throws(FieldError) {
      area = try TPMTPublic(input)
    } catch {
      return error.field
    }
    try FuzzTarget.require(area.bytes == input || sized(area.bytes) == input, "a public area of other bytes")
    try FuzzTarget.require((try? TPMTPublic(area.bytes)) == area, "a public area reads otherwise without its length")
    try FuzzTarget.require(area.name.count == 2 + area.nameAlgorithm.byteCount, "a name of another size")
    return "\(area.key.algorithm) \(area.symmetric == nil) \(area.scheme?.algorithm ?? 0)"
  }

  static let signature = FuzzTarget(name: "tpm.signature", shape: .binary, seeds: signatureSeeds) {
    input throws(FuzzTarget.Violation) in
    let signature: TPMTSignature
    do throws(FieldError) {
      signature = try TPMTSignature(input)
    } catch {
      return error.field
    }
    try FuzzTarget.require((try? TPMTSignature(signature.bytes)) == signature, "a signature changes when written")
    let isValid = signature.isValid(for: [1, 2, 3], under: .p256(signer.publicKey))
    try FuzzTarget.require(!isValid, "a signature that nobody made")
    return "\(signature.scheme.name) \(signature.hash)"
  }

  /// A quote with everything beside it, as files and as JSON. The first byte says which file the input replaces.
  static let envelope = FuzzTarget(
    name: "tpm.envelope", shape: .binary,
    seeds: [
      [0] + quoteSeed, [1] + signatureSeeds[0], [2] + keySeeds[0], [3] + [UInt8](repeating: 0, count: 64), [4] + json,
      [4] + Array("r\(Base64.encode(quoteSeed)):\(Base64.encode(signatureSeeds[0])):AQAAAAsAAwMAAAAA".utf8),
      [5] + tools, [0x00, 0x00, 0x01, 0, 0, 0, 0, 0, 0],
    ],
    tokens: ["\"ak_public\":\"", "\"tpm_quote\":{", "\"message\":\"", "\"pcrs\":[", "\"quote\":\"r", "\"PCRs\":["]
  ) { input throws(FuzzTarget.Violation) in
    guard let choice = input.first else { return "nothing" }
    let body = [UInt8](input.dropFirst())
    var files: [(name: String, bytes: [UInt8])] = [
      ("quote", quoteSeed), ("sig", signatureSeeds[0]), ("ak", keySeeds[0]), ("pcrs", [UInt8](repeating: 0, count: 64)),
    ]
    let place = Int(choice) % 6
    if place == 5 { files[3] = ("pcrs", body) } else if place < 4 { files[place].bytes = body }
    let raw =
      place == 4
      ? RawEvidence(bytes: body) : RawEvidence(bytes: files[0].bytes, attachments: Array(files.dropFirst()))
    let found: TPMEvidence?
    do throws(FieldError) {
      found = try TPMEvidence.recognise(raw)
    } catch {
      return "refused \(error.field.prefix { !$0.isNumber })"
    }
    guard let found else { return "something else" }
    let again = try? Evidence(json: Evidence(found).json)
    // What a tool's form holds beyond the limits of our own is refused by the verifier just so.
    if let again {
      try FuzzTarget.require(again.json == Evidence(found).json, "evidence changes when written")
    }
    var checks = CheckList()
    let context = VerificationContext(anchors: TrustAnchors(), at: 0, binding: .bytes([1, 2, 3, 4]))
    try FuzzTarget.require(found.verify(in: context, into: &checks) == nil, "genuine without anybody's word")
    try FuzzTarget.require(!checks.succeeds, "success without anybody's word")
    try FuzzTarget.require(!found.explanation.isEmpty, "no explanation")
    return checks.checks.map { "\($0.id.name) \($0.outcome.name)" }.joined(separator: ",")
  }

  private static let json: [UInt8] = Array(
    """
    {"ak_public":"\(Base64.encode(keySeeds[0]))","tpm_quote":{"message":"\(Base64.encode(quoteSeed))","signature":\
    "\(Base64.encode(signatureSeeds[0]))","pcrs":["\(String(repeating: "00", count: 32))",\
    "\(String(repeating: "11", count: 32))"]}}
    """.utf8)

  /// One bank with two registers, as tpm2-tools write it.
  private static let tools: [UInt8] =
    [1, 0, 0, 0, 0x0B, 0, 3, 3, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 120) + [1, 0, 0, 0, 2, 0, 0, 0]
    + (0..<8).flatMap { [$0 < 2 ? 32 : 0, 0] + [UInt8](repeating: 3, count: 64) }
}
