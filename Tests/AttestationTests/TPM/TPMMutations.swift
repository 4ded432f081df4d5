import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

/// Every field of evidence of a TPM, each changed alone, with the checks of which one must name it.
struct TPMMutation {
  var name: String
  var expected: Set<String>
  var evidence: TPMEvidence

  /// A field of a structure: name, number of bytes, and the checks that may refuse it.
  typealias Field = (name: String, count: Int, checks: Set<String>)

  /// The fields of a quote with a 34-byte signer, 32 bytes of extra data and one selection (TPMS_ATTEST).
  static let quote: [Field] = [
    ("magic", 4, ["tpm.quote"]), ("type", 2, ["tpm.quote"]), ("qualifiedSigner.size", 2, ["tpm.quote"]),
    ("qualifiedSigner", 34, ["tpm.signature"]), ("extraData.size", 2, ["tpm.quote"]),
    ("extraData", 32, ["tpm.nonce"]), ("clock", 8, ["tpm.signature"]), ("resetCount", 4, ["tpm.signature"]),
    ("restartCount", 4, ["tpm.signature"]), ("safe", 1, ["tpm.quote", "tpm.signature"]),
    ("firmwareVersion", 8, ["tpm.signature"]), ("pcrSelect.count", 4, ["tpm.quote"]),
    ("pcrSelect.hash", 2, ["tpm.quote", "tpm.selection"]), ("pcrSelect.sizeofSelect", 1, ["tpm.quote"]),
    ("pcrSelect.select", 3, ["tpm.selection"]), ("pcrDigest.size", 2, ["tpm.quote"]),
    ("pcrDigest", 32, ["tpm.pcr-digest"]),
  ]

  /// The fields of an ECDSA signature (TPMT_SIGNATURE) whose numbers have 32 bytes.
  static let ecdsa: [Field] = [
    ("sigAlg", 2, ["tpm.signature"]), ("hash", 2, ["tpm.signature", "tpm.signature-hash"]),
    ("r.size", 2, ["tpm.signature"]), ("r", 32, ["tpm.signature"]), ("s.size", 2, ["tpm.signature"]),
    ("s", 32, ["tpm.signature"]),
  ]

  static let rsassa: [Field] = [
    ("sigAlg", 2, ["tpm.signature"]), ("hash", 2, ["tpm.signature", "tpm.signature-hash"]),
    ("sig.size", 2, ["tpm.signature"]), ("sig", 256, ["tpm.signature"]),
  ]

  /// The fields of a public area (TPMT_PUBLIC) without a policy. What a certificate does not cover, the key's name does.
  static let p256: [Field] = [
    ("type", 2, ["tpm.ak"]), ("nameAlg", 2, ["tpm.ak", "tpm.ak-name"]),
    ("objectAttributes", 4, ["tpm.ak", "tpm.ak-attributes", "tpm.ak-name"]), ("authPolicy.size", 2, ["tpm.ak"]),
    ("symmetric", 2, ["tpm.ak"]), ("scheme", 2, ["tpm.ak", "tpm.ak-name"]),
    ("scheme.hash", 2, ["tpm.ak", "tpm.ak-name"]),
    ("curveID", 2, ["tpm.ak"]), ("kdf", 2, ["tpm.ak"]), ("x.size", 2, ["tpm.ak"]), ("x", 32, ["tpm.ak"]),
    ("y.size", 2, ["tpm.ak"]), ("y", 32, ["tpm.ak"]),
  ]

  static let rsa: [Field] = [
    ("type", 2, ["tpm.ak"]), ("nameAlg", 2, ["tpm.ak", "tpm.ak-name"]),
    ("objectAttributes", 4, ["tpm.ak", "tpm.ak-attributes", "tpm.ak-name"]), ("authPolicy.size", 2, ["tpm.ak"]),
    ("symmetric", 2, ["tpm.ak"]), ("scheme", 2, ["tpm.ak", "tpm.ak-name"]),
    ("scheme.hash", 2, ["tpm.ak", "tpm.ak-name"]),
    ("keyBits", 2, ["tpm.ak"]), ("exponent", 4, ["tpm.ak", "tpm.ak-trust"]), ("modulus.size", 2, ["tpm.ak"]),
    ("modulus", 256, ["tpm.ak", "tpm.ak-trust"]),
  ]

  /// One bit of each byte of each field.
  static func flips(
    _ fields: [Field], _ part: String, of bytes: [UInt8], in evidence: TPMEvidence,
    set: (inout TPMEvidence, [UInt8]) -> Void
  ) throws -> [TPMMutation] {
    try #require(fields.reduce(0) { $0 + $1.count } == bytes.count, "the fields of \(part) are not its bytes")
    var mutations: [TPMMutation] = []
    var offset = 0
    for field in fields {
      for byte in offset..<offset + field.count {
        var copy = evidence
        set(&copy, bytes.flipping(bit: byte * 8 + byte % 8))
        mutations.append(
          TPMMutation(name: "\(part).\(field.name) byte \(byte)", expected: field.checks, evidence: copy))
      }
      offset += field.count
    }
    return mutations
  }

  /// All mutations of a scenario's evidence.
  static func all(_ scenario: TPMScenario) throws -> [TPMMutation] {
    let evidence = scenario.evidence
    let key = try #require(evidence.key)
    let isRSA = if case .rsa = scenario.mint.key { true } else { false }
    var all = try flips(quote, "quote", of: evidence.quote, in: evidence) { $0.quote = $1 }
    all += try flips(isRSA ? rsassa : ecdsa, "signature", of: evidence.signature, in: evidence) { $0.signature = $1 }
    all += try flips(isRSA ? rsa : p256, "akPublic", of: key, in: evidence) { $0.key = $1 }
    all += try lengths(evidence, key)
    for bank in evidence.pcrs {
      for (index, value) in bank.values {
        var copy = evidence
        var values = bank.values
        values[index] = value.flipping(bit: index)
        copy.pcrs = [try PCRBank(algorithm: bank.algorithm, values: values)]
        all.append(TPMMutation(name: "pcrs.\(index)", expected: ["tpm.pcr-digest"], evidence: copy))
        values[index] = nil
        copy.pcrs = [try PCRBank(algorithm: bank.algorithm, values: values)]
        all.append(TPMMutation(name: "pcrs.\(index) absent", expected: ["tpm.selection"], evidence: copy))
      }
    }
    all += try certificates(evidence)
    return all + (try members(evidence))
  }

  /// One byte more and one fewer.
  private static func lengths(_ evidence: TPMEvidence, _ key: [UInt8]) throws -> [TPMMutation] {
    var all: [TPMMutation] = []
    for (change, edit) in [
      ("appended", { (bytes: [UInt8]) in bytes + [0] }),
      ("truncated", { (bytes: [UInt8]) in [UInt8](bytes.dropLast()) }),
    ] {
      var copy = evidence
      copy.quote = edit(evidence.quote)
      all.append(TPMMutation(name: "quote \(change)", expected: ["tpm.quote"], evidence: copy))
      copy = evidence
      copy.signature = edit(evidence.signature)
      all.append(TPMMutation(name: "signature \(change)", expected: ["tpm.signature"], evidence: copy))
      copy = evidence
      copy.key = edit(key)
      all.append(TPMMutation(name: "akPublic \(change)", expected: ["tpm.ak"], evidence: copy))
      for index in evidence.certificates.indices {
        copy = evidence
        copy.certificates[index] = edit(evidence.certificates[index])
        all.append(TPMMutation(name: "certificate \(index) \(change)", expected: ["tpm.ak-trust"], evidence: copy))
      }
    }
    return all
  }

  /// A bit of every fourth byte of each certificate, and each left out.
  private static func certificates(_ evidence: TPMEvidence) throws -> [TPMMutation] {
    var all: [TPMMutation] = []
    for (index, der) in evidence.certificates.enumerated() {
      for byte in stride(from: 0, to: der.count, by: 4) {
        var copy = evidence
        copy.certificates[index] = der.flipping(bit: byte * 8 + byte % 8)
        all.append(
          TPMMutation(name: "certificate \(index) byte \(byte)", expected: ["tpm.ak-trust"], evidence: copy))
      }
      var copy = evidence
      copy.certificates.remove(at: index)
      all.append(TPMMutation(name: "certificate \(index) absent", expected: ["tpm.ak-trust"], evidence: copy))
    }
    return all
  }

  /// Members left out, exchanged, or added.
  private static func members(_ evidence: TPMEvidence) throws -> [TPMMutation] {
    var all: [TPMMutation] = []
    func add(_ name: String, _ expected: String, _ change: (inout TPMEvidence) throws -> Void) rethrows {
      var copy = evidence
      try change(&copy)
      all.append(TPMMutation(name: name, expected: [expected], evidence: copy))
    }
    add("akPublic absent", "tpm.ak") { $0.key = nil }
    add("akPublic empty", "tpm.ak") { $0.key = [] }
    try add("akPublic of another key", "tpm.ak-trust") {
      $0.key = try TPMMint.p256(P256.PrivateKey(rawScalar: [UInt8](repeating: 0x33, count: 32))).area()
    }
    add("a parent that is none", "tpm.ak-name") { $0.parent = $0.key }
    add("certificates absent", "tpm.ak-trust") { $0.certificates = [] }
    add("certificates reversed", "tpm.ak-trust") { $0.certificates.reverse() }
    let stray = try CertificateMint.root("Stray", key: MintKeys.otherP256).certificate.der
    add("a certificate of nobody in the path", "tpm.ak-trust") { $0.certificates.append(stray) }
    add("quote empty", "tpm.quote") { $0.quote = [] }
    add("signature empty", "tpm.signature") { $0.signature = [] }
    try add("a further register", "tpm.selection") {
      var values = $0.pcrs[0].values
      values[23] = $0.pcrs[0].algorithm.zeros
      $0.pcrs = [try PCRBank(algorithm: $0.pcrs[0].algorithm, values: values)]
    }
    try add("registers moved by one", "tpm.selection") {
      let moved = $0.pcrs[0].values.map { ($0.key + 1, $0.value) }
      $0.pcrs = [try PCRBank(algorithm: $0.pcrs[0].algorithm, values: Dictionary(uniqueKeysWithValues: moved))]
    }
    try add("a further bank", "tpm.selection") {
      $0.pcrs.append(try PCRBank(algorithm: .sha384, values: [0: BankAlgorithm.sha384.zeros]))
    }
    try add("runtime event added", "runtime.lock") {
      let events = $0.logs.runtime?.events ?? []
      $0.logs.runtime = try RuntimeLog(events + [RuntimeEvent(kind: .tool, name: "x", digest: TPMScenario.tool)])
    }
    try add("runtime event removed", "runtime.replay") {
      $0.logs.runtime = try RuntimeLog([RuntimeEvent]($0.logs.runtime?.events.dropFirst() ?? []))
    }
    try add("runtime event renamed", "runtime.replay") {
      let other = try RuntimeEvent(kind: .tool, name: "invoice@2", digest: TPMScenario.tool)
      $0.logs.runtime = try RuntimeLog([other] + ($0.logs.runtime?.events.dropFirst() ?? []))
    }
    add("runtime absent", "runtime.code") { $0.logs.runtime = nil }
    add("event log empty", "eventlog.format") { $0.logs.eventLog = [] }
    return all
  }
}
