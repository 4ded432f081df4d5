import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

/// The forms in which platforms, tools and caches hand out quotes and what belongs to them.
@Suite struct TDXRecognitionTests {
  static func read(_ bytes: [UInt8], _ attachments: [[UInt8]] = []) throws -> TDXEvidence? {
    let named = attachments.map { (name: "file", bytes: $0) }
    return try Evidence(reading: RawEvidence(bytes: bytes, attachments: named)).content as? TDXEvidence
  }

  static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

  static func json(_ object: JSONObject) -> [UInt8] { JSON.object(object).canonicalBytes() }

  @Test func aQuoteIsReadInEveryForm() throws {
    let quote = try TDXMint().quote()
    let evidence = TDXEvidence(quote: quote)
    let hex = Hex.encode(quote)
    for form in [
      quote, Self.text(hex), Self.text(hex.uppercased() + "\n"), Self.text("0x" + hex), Self.text(Base64.encode(quote)),
      Self.text(Base64.encodeURL(quote)), Self.json(["quote": .string(hex)]), Evidence(evidence).json.canonicalBytes(),
      Self.json(["quote": .string(Base64.encode(quote)), "cc_eventlog": .null, "further": 1]),
      Self.json(["attestation": .string(Hex.encode(Self.attestation(quote, events: 0)))]),
      Self.attestation(quote, events: 0),
      Self.json(["tdx": ["quote": .string(Base64.encode(quote)), "runtime_data": .null]]),
      Self.json(["outblob": .string(Base64.encodeURL(quote)), "auxblob": "", "provider": "tdx_guest\n"]),
    ] { #expect(try Self.read(form) == evidence) }
    let log = Self.text("[]")
    let logged = TDXEvidence(quote: quote, logs: MeasurementLogs(eventLog: log))
    for form in [
      Self.json(["quote": .string(hex), "event_log": "[]"]), Self.json(["quote": .string(hex), "event_log": []]),
      Self.json(["quote": .string(hex), "cc_eventlog": .string(Base64.encode(log))]),
    ] { #expect(try Self.read(form) == logged) }
    let ccel = EventLogMint.machine(.ccel).bytes
    let members: JSON = ["quote": .string(hex), "event_log": .string(Base64.encode(ccel))]
    for form in [Self.json(["tdx": members]), members.canonicalBytes()] {
      #expect(try Self.read(form)?.logs.eventLog == ccel)
    }
  }

  @Test func whatIsNoEvidenceIsNamed() {
    for (bytes, words) in [
      (EventLogMint.machine(.ccel).bytes, "event log"),
      ([3, 0, 2, 0, 0, 0, 0, 0] + [UInt8](repeating: 7, count: 1000), "SGX"),
      ([1, 2, 3], "3 bytes"),
    ] {
      let error = #expect(throws: FieldError.self) { try Self.read(bytes) }
      #expect(error?.actual.contains(words) ?? false, "\(words)")
    }
  }

  /// dstack's attestation with events in the registers 0, 1, ..., one each.
  static func attestation(_ quote: [UInt8], events: UInt8) -> [UInt8] {
    let count = quote.count
    var bytes: [UInt8] = [0, 0] + [UInt8(count & 63) << 2 | 1, UInt8(count >> 6)] + quote + [events << 2]
    for register in 0..<events {
      bytes += [register, 0, 0, 0, 1, 0, 0, 8, 0, 3 << 2, 0x61, 0x62, 0x63, 2 << 2, 0xDE, 0xAD]
    }
    return bytes + [0xFF]
  }

  /// A log without the firmware's events yields no registers, so it is left out.
  @Test func theEventsOfAnAttestationAreALogOnlyTogether() throws {
    let quote = try TDXMint().quote()
    #expect(try Self.read(Self.attestation(quote, events: 2))?.logs.eventLog == nil)
    let log = try #require(try Self.read(Self.attestation(quote, events: 3))?.logs.eventLog)
    let events = try #require(try JSON(parsing: log, limits: .document(maxBytes: 4096)).array)
    #expect(
      events[1] == ["imr": 1, "event_type": 0x0800_0001, "digest": "", "event": "abc", "event_payload": "dead"])
    let whole = Self.attestation(quote, events: 3)
    for count in (quote.count + 4)..<(whole.count - 1) {
      #expect(throws: FieldError.self, "cut at \(count)") { try Self.read([UInt8](whole.prefix(count))) }
    }
  }

  @Test func somethingElseIsNotRecognised() throws {
    for bytes in [
      [], [4, 0, 2, 0, 0, 0, 0, 0], [3, 0, 2, 0, 0x81, 0, 0, 0], Self.text("quote"), Self.json(["quote": "00"]),
      Self.json(["quote": 1]), Self.json(["td_quote": "AA"]),
      Self.json(["quote": .string(Hex.encode(try TDXMint().quote())), "hcl_report": "AA"]),
    ] { #expect(try TDXEvidence.recognise(RawEvidence(bytes: bytes)) == nil) }
  }

  /// As Intel's service answers: the signed value as it was sent, its signature, the chain in a header.
  static func response(_ name: String, _ document: IntelDocument, spaced: Bool) -> [UInt8] {
    let space = spaced ? " \n\t" : ""
    let text = String(decoding: document.document, as: UTF8.self)
    let signature = Hex.encode(document.signature).uppercased()
    return Self.text(
      "\(space){\(space)\"signature\"\(space):\"\(signature)\",\(space)\"\(name)\"\(space):\(space)\(text)\(space)}\(space)"
    )
  }

  static func pem(_ certificates: [[UInt8]]) -> String {
    certificates.map { PEM.encode($0, label: "CERTIFICATE") }.joined()
  }

  static func percentEncoded(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: " "): "%20"
      case UInt8(ascii: "\n"): "%0A"
      case UInt8(ascii: "+"): "%2B"
      case UInt8(ascii: "="): "%3D"
      default: String(decoding: [byte], as: UTF8.self)
      }
    }.joined()
  }

  @Test func collateralIsReadInEveryForm() throws {
    let mint = try TDXMint()
    let quote = try mint.quote()
    let collateral = try mint.collateral()
    let signer = [collateral.tcbInfoChain[0]]
    let expected = TDXEvidence(
      quote: quote, collateral: collateral.replacing(tcbInfoChain: signer, qeIdentityChain: signer))
    for spaced in [false, true] {
      let responses = [
        Self.response("tcbInfo", collateral.tcbInfo, spaced: spaced),
        Self.response("enclaveIdentity", collateral.qeIdentity, spaced: spaced),
      ]
      for chain in [
        Self.text(Self.pem(collateral.tcbInfoChain)), signer[0],
        Self.text(Self.percentEncoded(Self.pem(collateral.tcbInfoChain))),
      ] {
        for lists in [
          [collateral.rootCRL, collateral.pckCRL],
          [Self.text(Hex.encode(collateral.pckCRL)), Self.text(Hex.encode(collateral.rootCRL) + "\n")],
          [collateral.pckCRL, collateral.rootCRL].map { Self.text(PEM.encode($0, label: "X509 CRL")) },
          [Self.text("\"\(Hex.encode(collateral.pckCRL))\""), collateral.rootCRL],
        ] { #expect(try Self.read(quote, responses + [chain] + lists + [Self.text("unrelated")]) == expected) }
      }
    }
  }

  /// dcap-qvl's one file, beside the quote or within the object that has it.
  @Test func collateralIsReadAsOneFile() throws {
    let mint = try TDXMint()
    let evidence = try mint.evidence()
    let collateral = try mint.collateral()
    let file: JSONObject = [
      "pck_crl_issuer_chain": "", "root_ca_crl": .string(Hex.encode(collateral.rootCRL)),
      "pck_crl": .string(Hex.encode(collateral.pckCRL)),
      "tcb_info_issuer_chain": .string(Self.pem(collateral.tcbInfoChain)),
      "tcb_info": .string(String(decoding: collateral.tcbInfo.document, as: UTF8.self)),
      "tcb_info_signature": .string(Hex.encode(collateral.tcbInfo.signature)),
      "qe_identity_issuer_chain": .string(Self.pem(collateral.qeIdentityChain)),
      "qe_identity": .string(String(decoding: collateral.qeIdentity.document, as: UTF8.self)),
      "qe_identity_signature": .array(collateral.qeIdentity.signature.map { .integer(Int64($0)) }),
    ]
    for read in [
      try Self.read(evidence.quote, [Self.json(file)]),
      try Self.read(Self.json(["quote": .string(Hex.encode(evidence.quote)), "collateral": .object(file)])),
    ] {
      let found = try #require(read?.collateral)
      #expect(found.tcbInfo.document == collateral.tcbInfo.document)
      #expect(found.qeIdentity.document == collateral.qeIdentity.document)
      #expect(found.tcbInfoChain == collateral.tcbInfoChain)
      #expect([found.rootCRL, found.pckCRL] == [collateral.rootCRL, collateral.pckCRL])
    }
    // Without `tcb_info` it is some other file; the chain of the list is the quote's.
    for name in file.keys where !["pck_crl_issuer_chain", "tcb_info"].contains(name) {
      var part = file
      part[name] = nil
      let error = #expect(throws: FieldError.self) { try Self.read(evidence.quote, [Self.json(part)]) }
      #expect(error?.field == "collateral.\(name)")
    }
  }

  /// Only the value of the outermost member is cut out, whatever stands in strings and in inner objects.
  @Test(arguments: [
    (
      #"{"tcbInfo":{"a":"}]\",","tcbInfo":[1,{"signature":"x"}]},"signature":"S"}"#,
      #"{"a":"}]\",","tcbInfo":[1,{"signature":"x"}]}"#
    ),
    (#"{"signature":"S","tcbInfo":{}}"#, "{}"), (#"{"tcbInfo" : [ 1 ] ,"signature":"S"}"#, "[ 1 ]"),
  ]) func theSignedValueIsCutOutAsItStands(response: String, value: String) throws {
    let bytes = Self.text(response.replacing("\"S\"", with: "\"\(String(repeating: "ab", count: 64))\""))
    #expect(try IntelDocument(response: bytes, name: "tcbInfo").document == Self.text(value))
  }

  @Test(arguments: [
    #"{"tcbInfo":{},"tcbInfo":{},"signature":"S"}"#, #"{"tcbInfo":{},"signature":"S","more":1}"#, #"{"tcbInfo":{}}"#,
    #"{"tcb\u0049nfo":{},"signature":"S"}"#, #"{"tcbInfo":{},"signature":"abcd"}"#, #"[]"#, "",
  ]) func otherResponsesAreRefused(response: String) throws {
    let bytes = Self.text(response.replacing("\"S\"", with: "\"\(String(repeating: "ab", count: 64))\""))
    #expect(throws: FieldError.self) { try IntelDocument(response: bytes, name: "tcbInfo") }
  }

  @Test func evidenceIsExplainedWhateverItIs() throws {
    let evidence = try TDXMint().evidence()
    let names = Set(evidence.explanation.map(\.name))
    #expect(names.isSuperset(of: ["quote", "mrtd", "rtmr0", "rtmr3", "report-data", "collateral", "quoting enclave"]))
    let broken = TDXEvidence(quote: [UInt8](evidence.quote.prefix(100)))
    #expect(broken.explanation.first?.value.hasPrefix("unreadable") == true)
  }
}
