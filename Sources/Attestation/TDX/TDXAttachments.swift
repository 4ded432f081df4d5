import CanonicalJSON
import Cryptography

/// What was given beside a quote, told apart by what is in it, never by its name: Intel's responses (TCB info, enclave
/// identity), certificates and revocation lists in PEM, DER or hexadecimal, the collateral of dcap-qvl as one JSON object, a
/// CCEL or dstack's event log, runtime events. Anything else is passed over.
struct TDXAttachments {
  private(set) var eventLog: [UInt8]?
  private(set) var runtime: RuntimeLog?
  private var whole: TDXCollateral?
  private var tcbInfos: [IntelDocument] = []
  private var qeIdentity: IntelDocument?
  private var certificates: [Certificate] = []
  private var lists: [CertificateRevocationList] = []

  init(_ attachments: [(name: String, bytes: [UInt8])]) throws(FieldError) {
    for (_, bytes) in attachments { try read(bytes) }
  }

  private mutating func read(_ bytes: [UInt8]) throws(FieldError) {
    if let list = try? CertificateRevocationList(der: bytes) {
      lists.append(list)
    } else if let certificate = try? Certificate(der: bytes) {
      certificates.append(certificate)
    } else if let json = try? JSON(parsing: bytes, limits: .document(maxBytes: Evidence.maxBytes)) {
      try read(json, bytes)
    } else if EventLog.isMarked(bytes) {
      eventLog = bytes
    } else {
      readText(bytes)
    }
  }

  private mutating func read(_ json: JSON, _ bytes: [UInt8]) throws(FieldError) {
    if json["tcbInfo"] != nil {
      tcbInfos.append(try IntelDocument(response: bytes, name: "tcbInfo"))
    } else if json["enclaveIdentity"] != nil {
      qeIdentity = try IntelDocument(response: bytes, name: "enclaveIdentity")
    } else if json["tcb_info"] != nil {
      whole = try Self.collateral(json: json)
    } else if let events = json.array, let first = events.first {
      if first["imr"] != nil { eventLog = bytes }
      if first["kind"] != nil { runtime = try RuntimeLog(json: events, path: "runtime") }
    } else if let text = json.string {
      readText(Array(text.utf8))
    }
  }

  /// PEM, also percent-encoded as in the headers of Intel's service; or hexadecimal of DER, as caches of it answer.
  private mutating func readText(_ bytes: [UInt8]) {
    guard bytes.count <= 4 * TDXCollateral.Limits.revocations else { return }
    let text = Self.percentDecoded(String(decoding: bytes, as: UTF8.self))
    if let found = try? Certificate.all(pem: text) {
      certificates += found
    } else if let list = try? CertificateRevocationList(pem: text) {
      lists.append(list)
    } else if let der = Hex.decode(EncodedText.trimmed(bytes).lowercased()) {
      if let list = try? CertificateRevocationList(der: der) { lists.append(list) }
    }
  }

  private static func percentDecoded(_ text: String) -> String {
    guard text.hasPrefix("-----BEGIN%20") else { return text }
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// All of it, or nil where there is nothing of it. Part of it is an error: what was left out might be the list that
  /// revokes. Of answers for several platforms, those for the quote's.
  func collateral(for quote: [UInt8]) throws(FieldError) -> TDXCollateral? {
    if let whole { return whole }
    guard !tcbInfos.isEmpty || qeIdentity != nil || !lists.isEmpty else { return nil }
    let leaf = PCKCertificate.leaf(of: quote)
    let fmspc = leaf?.extension(PCKPlatform.extensionOID).flatMap { try? PCKPlatform(extensionValue: $0) }?.fmspc
    func part<Value>(_ value: Value?, _ name: String) throws(FieldError) -> Value {
      guard let value else {
        throw FieldError(field: "collateral.\(name)", expected: "a file beside the quote", actual: "nothing")
      }
      return value
    }
    let matching = tcbInfos.last { (try? TCBInfo(parsing: $0.document))?.fmspc == fmspc }
    let tcbInfo = try part(matching ?? tcbInfos.last, "tcbInfo")
    let pckList = lists.last { $0.issuer == leaf?.issuer } ?? lists.last { !Self.isRoot($0) }
    let qeIdentity = try part(qeIdentity, "qeIdentity")
    return TDXCollateral(
      tcbInfo: tcbInfo, tcbInfoChain: [try part(signer(of: tcbInfo), "tcbInfoChain").der], qeIdentity: qeIdentity,
      qeIdentityChain: [try part(signer(of: qeIdentity), "qeIdentityChain").der],
      pckCRL: try part(pckList, "pckCRL").der, rootCRL: try part(lists.last(where: Self.isRoot), "rootCRL").der)
  }

  private static func isRoot(_ list: CertificateRevocationList) -> Bool {
    !PCKCertificate.authorityNames.contains(ExactText(list.issuer.commonName ?? ""))
  }

  /// Of the certificates of that name the one whose key made the signature; if two, the one that lasts longest.
  private func signer(of document: IntelDocument) -> Certificate? {
    let named = certificates.filter { $0.subject.commonName == TDXCollateralVerifier.signerName }
    let matching = named.filter { certificate in
      guard case .p256(let key) = certificate.publicKey else { return false }
      return document.isSigned(by: key)
    }
    return (matching.isEmpty ? named : matching).max { $0.notAfter < $1.notAfter }
  }

  /// The collateral of dcap-qvl (and of Intel's quote verification library): documents apart from their signatures, chains as
  /// PEM, lists in hexadecimal; or the member `collateral` of our own evidence.
  static func collateral(json: JSON) throws(FieldError) -> TDXCollateral {
    var reader = try ObjectReader(json, path: "collateral")
    if json["tcbInfo"] != nil { return try TDXCollateral(members: reader) }
    return TDXCollateral(
      tcbInfo: try document(&reader, "tcb_info"), tcbInfoChain: try chain(&reader, "tcb_info_issuer_chain"),
      qeIdentity: try document(&reader, "qe_identity"), qeIdentityChain: try chain(&reader, "qe_identity_issuer_chain"),
      pckCRL: try list(&reader, "pck_crl"), rootCRL: try list(&reader, "root_ca_crl"))
  }

  private static func document(_ reader: inout ObjectReader, _ name: String) throws(FieldError) -> IntelDocument {
    IntelDocument(
      document: Array(try reader.string(name, maxBytes: TCBInfo.Limits.bytes).utf8),
      signature: try bytes(&reader, "\(name)_signature", maxBytes: 64))
  }

  private static func chain(_ reader: inout ObjectReader, _ name: String) throws(FieldError) -> [[UInt8]] {
    let text = percentDecoded(try reader.string(name, maxBytes: 64 << 10))
    do { return try Certificate.all(pem: text).map(\.der) } catch {
      throw FieldError(field: reader.pathOf(name), expected: "certificates in PEM", actual: "\(error)")
    }
  }

  private static func list(_ reader: inout ObjectReader, _ name: String) throws(FieldError) -> [UInt8] {
    if let text = try? reader.string(name, maxBytes: 2 * TDXCollateral.Limits.revocations),
      let list = try? CertificateRevocationList(pem: text)
    {
      return list.der
    }
    return try bytes(&reader, name, maxBytes: TDXCollateral.Limits.revocations)
  }

  /// Hexadecimal or base64, or an array of numbers as serde writes bytes.
  private static func bytes(
    _ reader: inout ObjectReader, _ name: String, maxBytes: Int
  ) throws(FieldError) -> [UInt8] {
    let json = try reader.json(name)
    if let text = json.string, let bytes = EncodedText.decoded(text), bytes.count <= maxBytes { return bytes }
    if let array = json.array, array.count <= maxBytes {
      let bytes = array.compactMap { $0.integer.flatMap { UInt8(exactly: $0) } }
      if bytes.count == array.count { return bytes }
    }
    throw FieldError(field: reader.pathOf(name), expected: "at most \(maxBytes) bytes", actual: json.summary)
  }
}
