import Attestation
import CanonicalJSON
import Cryptography
import Storage

/// The same evidence in the forms that other verifiers take.
enum PeerEvidence {
  /// Writes `cases.json` (the page's verifier), `tpm-*` (tpm2_checkquote) and `tdx-*.json` (dcap-qvl) into a directory.
  static func write(_ samples: [AttestationSample], to directory: String) throws {
    let cases = samples.map { sample -> JSON in
      [
        "name": .string(sample.name), "evidence": sample.evidence.json, "policy": sample.policy,
        "at": .integer(sample.at),
        "nonce": .string(Hex.encode(AttestationSample.nonce)),
      ]
    }
    try write(JSON.array(cases).canonicalBytes(), directory + "/cases.json")
    for sample in samples {
      if let tpm = sample.evidence.content as? TPMEvidence { try write(tpm, to: "\(directory)/\(sample.name)") }
      if let tdx = sample.evidence.content as? TDXEvidence, let collateral = tdx.collateral {
        try write(describe(tdx, collateral, sample).canonicalBytes(), "\(directory)/\(sample.name).json")
      }
    }
    try write(Array(Hex.encode(AttestationSample.nonce).utf8), directory + "/nonce")
  }

  /// Public key, quote, signature and values of the registers, each in a file.
  private static func write(_ evidence: TPMEvidence, to prefix: String) throws {
    guard let area = evidence.key, let bank = evidence.pcrs.first else {
      throw BenchmarkFailure.wrongResult("evidence without a key or registers")
    }
    let key = try TPMTPublic(area).key
    try write(Array(PEM.encode(key.spkiDER, label: "PUBLIC KEY").utf8), prefix + ".key")
    try write(evidence.quote, prefix + ".quote")
    try write(evidence.signature, prefix + ".signature")
    try write(serialised(bank), prefix + ".values")
  }

  /// Registers as tpm2_quote leaves them: its own structures in memory, little-endian. TPML_PCR_SELECTION with 16 places of 8
  /// bytes; then how many lists follow, each with 8 places of a size and 64 bytes.
  private static func serialised(_ bank: PCRBank) -> [UInt8] {
    func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    let values = bank.values.sorted { $0.key < $1.key }
    var select = [UInt8](repeating: 0, count: 3)
    for (index, _) in values { select[index / 8] |= 1 << UInt8(index % 8) }
    let identifier = UInt8(truncatingIfNeeded: bank.algorithm.identifier)
    let selection = number(1) + [identifier, 0, UInt8(select.count)] + select
    let lists = stride(from: 0, to: values.count, by: 8).map { values[$0..<min($0 + 8, values.count)] }
    var bytes = selection + [UInt8](repeating: 0, count: 4 + 16 * 8 - selection.count) + number(lists.count)
    for list in lists {
      var digests = list.flatMap { _, value in
        [UInt8(value.count), 0] + value + [UInt8](repeating: 0, count: 64 - value.count)
      }
      digests += [UInt8](repeating: 0, count: 8 * 66 - digests.count)
      bytes += number(list.count) + digests
    }
    return bytes
  }

  private static func describe(_ evidence: TDXEvidence, _ collateral: TDXCollateral, _ sample: AttestationSample)
    -> JSON
  {
    func pem(_ chain: [[UInt8]]) -> JSON {
      .string(chain.map { PEM.encode($0, label: "CERTIFICATE") }.joined())
    }
    func text(_ document: IntelDocument) -> JSON { .string(String(decoding: document.document, as: UTF8.self)) }
    return [
      "quote": .string(Hex.encode(evidence.quote)), "root": .string(Hex.encode(collateral.tcbInfoChain.last ?? [])),
      "at": .integer(sample.at / 1000), "tcb_info": text(collateral.tcbInfo),
      "qe_identity": text(collateral.qeIdentity),
      "tcb_info_signature": .string(Hex.encode(collateral.tcbInfo.signature)),
      "qe_identity_signature": .string(Hex.encode(collateral.qeIdentity.signature)),
      "tcb_info_issuer_chain": pem(collateral.tcbInfoChain),
      "qe_identity_issuer_chain": pem(collateral.qeIdentityChain),
      "pck_crl": .string(Hex.encode(collateral.pckCRL)), "root_ca_crl": .string(Hex.encode(collateral.rootCRL)),
    ]
  }

  private static func write(_ bytes: [UInt8], _ path: String) throws {
    try WholeFile.replace(path, with: bytes, mode: 0o600)
  }
}
