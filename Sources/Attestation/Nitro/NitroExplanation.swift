import Cryptography

/// What is inside an attestation document, line by line, with nothing verified.
enum NitroExplanation {
  static func lines(_ bytes: [UInt8], register: (Int) -> String) -> [EvidenceLine] {
    let document: NitroDocument
    do {
      document = try NitroDocument(try COSESign1(bytes).payload)
    } catch {
      return [EvidenceLine("document", "unreadable: \(error.field): expected \(error.expected), found \(error.actual)")]
    }
    var lines = [
      EvidenceLine("document", "of \(document.subject.name), \(bytes.count) bytes, signed with ES384"),
      EvidenceLine("module", document.moduleID),
      EvidenceLine("timestamp", "\(document.timestamp) ms"),
    ]
    for field in NitroField.allCases {
      lines.append(EvidenceLine(field.rawValue, field.value(in: document).map(Hex.encode) ?? "absent"))
    }
    for (index, value) in document.pcrs.sorted(by: { $0.key < $1.key }) {
      lines.append(EvidenceLine("pcr\(index)", "\(Hex.encode(value)) \(register(index))"))
    }
    return lines + SNPEvidence.explanation([document.certificate] + document.authorities.reversed())
  }
}
