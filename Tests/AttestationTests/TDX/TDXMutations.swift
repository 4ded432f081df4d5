import Attestation
import CanonicalJSON
import Cryptography

/// Every field of a set of evidence changed by one bit, with the check that must say so first.
struct TDXMutation: Sendable {
  var name: String
  var evidence: TDXEvidence
  /// The first check that fails.
  var check: String

  /// Fields of a quote of version 4, or of version 5 with a TD report 1.5: name, offset, first check that fails.
  /// Sizes are those of quotes with 32 bytes of authentication data.
  private static func fields(isVersion5: Bool) -> [(String, Int, String)] {
    let body = isVersion5 ? 54 : 48
    var fields: [(String, Int, String)] = [
      ("version", 0, "format"), ("attestation-key-type", 2, "format"), ("tee-type", 4, "format"),
      ("reserved", 8, "format"), ("qe-vendor", 12, "format"), ("user-data", 28, "quote-signature"),
    ]
    if isVersion5 { fields += [("body.type", 48, "format"), ("body.size", 50, "format")] }
    var offset = body
    var report = [
      ("tee-tcb-svn", 16), ("mrseam", 48), ("mrsignerseam", 48), ("seam-attributes", 8), ("attributes", 8), ("xfam", 8),
      ("mrtd", 48), ("mrconfigid", 48), ("mrowner", 48), ("mrownerconfig", 48), ("rtmr0", 48), ("rtmr1", 48),
      ("rtmr2", 48), ("rtmr3", 48), ("report-data", 64),
    ]
    if isVersion5 { report += [("tee-tcb-svn2", 16), ("mrservicetd", 48)] }
    for (name, count) in report {
      fields += [(name, offset, "quote-signature"), ("\(name), last byte", offset + count - 1, "quote-signature")]
      offset += count
    }
    let data = offset
    fields += [
      ("signature-data.size", data, "format"), ("signature.r", data + 4, "quote-signature"),
      ("signature.s", data + 67, "quote-signature"), ("attestation-key.x", data + 68, "quote-signature"),
      ("attestation-key.y", data + 131, "quote-signature"), ("certification-data.type", data + 132, "format"),
      ("certification-data.size", data + 134, "format"),
    ]
    let enclave = data + 138
    fields += [
      ("qe.cpusvn", enclave, "qe-signature"), ("qe.miscselect", enclave + 16, "qe-signature"),
      ("qe.reserved1", enclave + 20, "format"), ("qe.attributes", enclave + 48, "qe-signature"),
      ("qe.mrenclave", enclave + 64, "qe-signature"), ("qe.reserved2", enclave + 96, "format"),
      ("qe.mrsigner", enclave + 128, "qe-signature"), ("qe.reserved3", enclave + 160, "format"),
      ("qe.isvprodid", enclave + 256, "qe-signature"), ("qe.isvsvn", enclave + 258, "qe-signature"),
      ("qe.reserved4", enclave + 260, "format"), ("qe.report-data", enclave + 320, "attestation-key"),
      ("qe.report-data, zeros", enclave + 383, "attestation-key"), ("qe.signature.r", enclave + 384, "qe-signature"),
      ("qe.signature.s", enclave + 447, "qe-signature"), ("authentication-data.size", enclave + 448, "format"),
      ("authentication-data", enclave + 450, "attestation-key"), ("certificates.type", enclave + 482, "format"),
      ("certificates.size", enclave + 484, "format"),
    ]
    return fields
  }

  /// Changes of the quote, which must be exact.
  static func quote(of evidence: TDXEvidence, isVersion5: Bool) -> [TDXMutation] {
    let quote = evidence.quote
    func mutation(_ name: String, _ bytes: [UInt8], _ check: String) -> TDXMutation {
      TDXMutation(
        name: name, evidence: TDXEvidence(quote: bytes, collateral: evidence.collateral, logs: evidence.logs),
        check: "tdx.\(check)")
    }
    var mutations = fields(isVersion5: isVersion5).map { name, offset, check in
      mutation(name, quote.flipping(offset), check)
    }
    let pem = quote.count - pemCount(quote)
    // One character of each line of the certificates, and each line's end.
    var line = pem
    for offset in pem..<quote.count where quote[offset] == 0x0A {
      mutations.append(
        mutation("certificates, line at \(line - pem)", quote.flipping((line + offset) / 2), "pck-chain"))
      mutations.append(mutation("certificates, end of line at \(line - pem)", quote.flipping(offset), "pck-chain"))
      line = offset + 1
    }
    mutations.append(mutation("cut by one byte", [UInt8](quote.dropLast()), "format"))
    mutations.append(mutation("cut in half", [UInt8](quote.prefix(quote.count / 2)), "format"))
    mutations.append(mutation("empty", [], "format"))
    mutations.append(mutation("one byte more", quote + [0], "length"))
    mutations.append(mutation("one byte more that is not zero", quote + [1], "length"))
    return mutations
  }

  /// How long the certificates at the end are.
  private static func pemCount(_ quote: [UInt8]) -> Int {
    let begin = Array("-----BEGIN CERTIFICATE-----".utf8)
    let start = quote.indices.first { quote[$0...].starts(with: begin) }
    return quote.count - (start ?? quote.count)
  }

  /// Changes of the collateral.
  static func collateral(of evidence: TDXEvidence) -> [TDXMutation] {
    guard let whole = evidence.collateral else { return [] }
    var mutations: [TDXMutation] = []
    func add(_ name: String, _ collateral: TDXCollateral, _ check: String) {
      let changed = TDXEvidence(quote: evidence.quote, collateral: collateral, logs: evidence.logs)
      mutations.append(TDXMutation(name: name, evidence: changed, check: "tdx.\(check)"))
    }
    for (name, check, document, replace) in [
      ("tcbInfo", "tcb-info", whole.tcbInfo, { whole.replacing(tcbInfo: $0) }),
      ("qeIdentity", "qe-document", whole.qeIdentity, { whole.replacing(qeIdentity: $0) }),
    ] as [(String, String, IntelDocument, (IntelDocument) -> TDXCollateral)] {
      let bytes = document.document
      for offset in stride(from: 0, to: bytes.count, by: 97) {
        let changed = IntelDocument(document: bytes.flipping(offset), signature: document.signature)
        add("\(name) at \(offset)", replace(changed), check)
      }
      let spaced = IntelDocument(document: bytes + [0x20], signature: document.signature)
      add("\(name), a space after it", replace(spaced), check)
      let cut = IntelDocument(document: [UInt8](bytes.dropLast()), signature: document.signature)
      add("\(name), cut", replace(cut), check)
      for offset in [0, 31, 32, 63] {
        let changed = IntelDocument(document: bytes, signature: document.signature.flipping(offset))
        add("\(name), signature at \(offset)", replace(changed), check)
      }
    }
    for (name, check, chain, replace) in [
      ("tcbInfoChain", "tcb-signer", whole.tcbInfoChain, { whole.replacing(tcbInfoChain: $0) }),
      ("qeIdentityChain", "qe-signer", whole.qeIdentityChain, { whole.replacing(qeIdentityChain: $0) }),
    ] as [(String, String, [[UInt8]], ([[UInt8]]) -> TDXCollateral)] {
      for offset in stride(from: 0, to: chain[0].count, by: 41) {
        add("\(name) at \(offset)", replace([chain[0].flipping(offset)] + chain.dropFirst()), check)
      }
      add("\(name), empty", replace([]), check)
      add("\(name), twice", replace([chain[0], chain[0]]), check)
      add("\(name), longer", replace([chain[0] + [0]]), check)
    }
    for (name, check, list, replace) in [
      ("rootCRL", "root-crl", whole.rootCRL, { whole.replacing(rootCRL: $0) }),
      ("pckCRL", "pck-crl", whole.pckCRL, { whole.replacing(pckCRL: $0) }),
    ] as [(String, String, [UInt8], ([UInt8]) -> TDXCollateral)] {
      for offset in stride(from: 0, to: list.count, by: list.count > 1000 ? 97 : 17) {
        add("\(name) at \(offset)", replace(list.flipping(offset)), check)
      }
      add("\(name), longer", replace(list + [0]), check)
      add("\(name), cut", replace([UInt8](list.dropLast())), check)
      add("\(name), empty", replace([]), check)
    }
    add("lists exchanged", whole.replacing(pckCRL: whole.rootCRL, rootCRL: whole.pckCRL), "root-crl")
    add(
      "documents exchanged", whole.replacing(tcbInfo: whole.qeIdentity, qeIdentity: whole.tcbInfo), "tcb-info")
    return mutations
  }
}

extension [UInt8] {
  /// With the lowest bit of one byte changed.
  func flipping(_ offset: Int) -> [UInt8] {
    var bytes = self
    bytes[offset] ^= 1
    return bytes
  }
}

extension TDXCollateral {
  func replacing(
    tcbInfo: IntelDocument? = nil, tcbInfoChain: [[UInt8]]? = nil, qeIdentity: IntelDocument? = nil,
    qeIdentityChain: [[UInt8]]? = nil, pckCRL: [UInt8]? = nil, rootCRL: [UInt8]? = nil
  ) -> TDXCollateral {
    TDXCollateral(
      tcbInfo: tcbInfo ?? self.tcbInfo, tcbInfoChain: tcbInfoChain ?? self.tcbInfoChain,
      qeIdentity: qeIdentity ?? self.qeIdentity, qeIdentityChain: qeIdentityChain ?? self.qeIdentityChain,
      pckCRL: pckCRL ?? self.pckCRL, rootCRL: rootCRL ?? self.rootCRL)
  }
}
