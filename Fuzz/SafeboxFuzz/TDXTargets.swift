import Attestation
import CanonicalJSON
import Cryptography

/// Reading TDX quotes, what Intel signs about platforms, and the forms in which tools hand both out.
enum TDXTargets {
  /// Laid out as quotes are, signed by nobody.
  private static let quotes: [[UInt8]] = [
    quote(version: 4, body: 2), quote(version: 5, body: 2), quote(version: 5, body: 3),
  ]

  private static func quote(version: UInt8, body: UInt8) -> [UInt8] {
    func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
    func size(_ count: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) } }
    let count = body == 3 ? 648 : 584
    let vendor: [UInt8] = [
      0x93, 0x9A, 0x72, 0x33, 0xF7, 0x9C, 0x4C, 0xA9, 0x94, 0x0A, 0x0D, 0xB3, 0x95, 0x7F, 0x06, 0x07,
    ]
    let header = [version, 0, 2, 0, 0x81, 0, 0, 0, 0, 0, 0, 0] + vendor + zeros(20)
    let report = (version == 5 ? [body, 0] + size(count) : []) + zeros(count)
    let pem = Array(PEM.encode(zeros(60), label: "CERTIFICATE").utf8)
    let outer = zeros(384 + 64) + [4, 0] + zeros(4) + [5, 0] + size(pem.count) + pem
    let data = zeros(128) + [6, 0] + size(outer.count) + outer
    return header + report + size(data.count) + data
  }

  private static let zeros48 = String(repeating: "0", count: 96)
  private static let components = Array(repeating: JSON.object(["svn": 1]), count: 16)
  private static let tcbInfo: JSON = [
    "id": "TDX", "version": 3, "issueDate": "2024-12-15T00:00:00Z", "nextUpdate": "2025-01-14T00:00:00Z",
    "fmspc": "50806F000000", "pceId": "0000", "tcbType": 0, "tcbEvaluationDataNumber": 17,
    "tdxModule": [
      "mrsigner": .string(zeros48), "attributes": "0000000000000000", "attributesMask": "FFFFFFFFFFFFFFFF",
    ],
    "tcbLevels": [
      [
        "tcb": ["sgxtcbcomponents": .array(components), "pcesvn": 11, "tdxtcbcomponents": .array(components)],
        "tcbDate": "2024-11-13T00:00:00Z", "tcbStatus": "UpToDate",
      ]
    ],
  ]
  private static let qeIdentity: JSON = [
    "id": "TD_QE", "version": 2, "issueDate": "2024-12-16T00:00:00Z", "nextUpdate": "2025-01-15T00:00:00Z",
    "tcbEvaluationDataNumber": 18, "miscselect": "00000000", "miscselectMask": "FFFFFFFF",
    "attributes": "11000000000000000000000000000000", "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
    "mrsigner": .string(String(zeros48.prefix(64))), "isvprodid": 2,
    "tcbLevels": [["tcb": ["isvsvn": 6], "tcbStatus": "OutOfDate", "advisoryIDs": ["INTEL-SA-00004"]]],
  ]

  /// What is read is at the start of the input, and nobody here can sign: no input verifies.
  static let quote = FuzzTarget(name: "tdx.quote", shape: .binary, seeds: quotes) {
    input throws(FuzzTarget.Violation) in
    let quote: TDXQuote
    do throws(FieldError) { quote = try TDXQuote(parsing: input) } catch { return error.field }
    try FuzzTarget.require(quote.report.reportData.count == 64, "report data of another size")
    var checks = CheckList()
    let context = VerificationContext(anchors: .compiledIn, at: 1_735_689_600_000, binding: .any)
    let verified = TDXQuoteVerifier.verify(quote: input, collateral: nil, in: context, into: &checks)
    try FuzzTarget.require(verified == nil && !checks.holds, "a quote that nobody signed verifies")
    return "read \(checks.checks.count)"
  }

  /// Documents of Intel's, as the response that carries them.
  static let documents = FuzzTarget(
    name: "tdx.documents", shape: .json,
    seeds: [
      JSON.object(["tcbInfo": tcbInfo, "signature": .string(String(repeating: "ab", count: 64))]).canonicalBytes(),
      JSON.object(["enclaveIdentity": qeIdentity, "signature": .string(String(repeating: "ab", count: 64))])
        .canonicalBytes(),
    ],
    tokens: ["tdxModuleIdentities", "TDX_01", "Revoked", "advisoryIDs", "2025-02-29T00:00:00Z", "isvsvn"]
  ) { input throws(FuzzTarget.Violation) in
    for name in ["tcbInfo", "enclaveIdentity"] {
      let found: IntelDocument
      do throws(FieldError) { found = try IntelDocument(response: input, name: name) } catch { continue }
      // The value that is cut out of the text is the value that a parser sees in it.
      let whole = try? JSON(parsing: input, limits: .document(maxBytes: input.count))
      let part = try? JSON(parsing: found.document, limits: .document(maxBytes: input.count))
      try FuzzTarget.require(part != nil && whole?[name] == part, "the signed bytes are another value")
      do throws(FieldError) {
        if name == "tcbInfo" {
          _ = try TCBInfo(parsing: found.document)
        } else {
          _ = try QEIdentity(parsing: found.document)
        }
        return "read \(name)"
      } catch { return String(error.field.prefix { $0 != "[" }) }
    }
    return "neither"
  }

  /// Any file, with another beside it: what is recognised is written and read as the same evidence.
  static let files = FuzzTarget(
    name: "tdx.files", shape: .binary,
    seeds: quotes + [
      JSON.object(["quote": .string(Hex.encode(quotes[0])), "event_log": "[]"]).canonicalBytes(),
      [0, 0, 0xA9, 0x05] + quotes[0].prefix(362), Array(Hex.encode(quotes[2]).utf8),
    ]
  ) { input throws(FuzzTarget.Violation) in
    let evidence: TDXEvidence
    do throws(FieldError) {
      guard let found = try TDXEvidence.recognise(RawEvidence(bytes: input, attachments: [("", input)])) else {
        return "something else"
      }
      evidence = found
    } catch { return error.field }
    try FuzzTarget.require(!evidence.explanation.isEmpty, "nothing to explain")
    var reader = ObjectReader(members: evidence.members)
    let again = try? TDXEvidence(members: &reader)
    try FuzzTarget.require(evidence.quote.count > TDXQuote.Limits.bytes || again == evidence, "reads as another")
    return "recognised"
  }
}
