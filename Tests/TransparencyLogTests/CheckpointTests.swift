import Cryptography
import TestSupport
import Testing

@testable import TransparencyLog

@Suite struct CheckpointTests {
  struct Body: Decodable {
    let desc: String
    let text: String
    let valid: Bool
  }

  /// The roots of these vectors are not digests. Each text is judged as it is and again with a real root in their place.
  @Test(.enabled(if: Vectors.available, Vectors.absence)) func bodies() throws {
    let root = Base64.encode(MerkleTree.emptyRoot.bytes)
    for wanted in try vector("checkpoint_body.json", as: [Body].self) {
      var lines = wanted.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      #expect(throws: Checkpoint.Failure.self) { try Checkpoint(parsing: Array(wanted.text.utf8)) }
      if lines.count > 2, let bytes = Base64.decode(lines[2]), bytes.count > 0 { lines[2] = root }
      let text = lines.joined(separator: "\n")
      // Stricter than the Go library, as the specification is: extension lines are not empty.
      let valid = wanted.valid && !text.hasSuffix("\n\n")
      do {
        let checkpoint = try Checkpoint(parsing: Array(text.utf8))
        #expect(valid, "\(wanted.desc)")
        #expect(checkpoint.text == text)
      } catch {
        #expect(!valid, "\(wanted.desc): \(error)")
      }
    }
  }

  @Test func failuresAreNamed() {
    let root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    func parse(_ text: String) -> Checkpoint.Failure? {
      do { _ = try Checkpoint(parsing: Array(text.utf8)) } catch { return error }
      return nil
    }
    #expect(parse("o\n0\n\(root)\n") == nil)
    #expect(parse("o\n18446744073709551615\n\(root)\n") == nil)
    #expect(parse("o\n18446744073709551616\n\(root)\n") == .invalidSize("18446744073709551616"))
    #expect(parse("o\n00\n\(root)\n") == .invalidSize("00"))
    #expect(parse("o\n01\n\(root)\n") == .invalidSize("01"))
    #expect(parse("o\n+1\n\(root)\n") == .invalidSize("+1"))
    #expect(parse("o\n\n\(root)\n") == .invalidSize(""))
    #expect(parse("\n0\n\(root)\n") == .emptyOrigin)
    #expect(parse("o\n0\n\(root)") == .missingLines)
    #expect(parse("o\n0\n\(root)\nx") == .missingLines)
    #expect(parse("o\n0\n\(root)\n\n") == .emptyExtensionLine)
    #expect(parse("o\n0\n\(root.dropLast())\n") == .invalidRoot(String(root.dropLast())))
    #expect(parse("o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n") != nil)
    #expect(parse("o\n0\nAAAA\n") == .invalidRoot("AAAA"))
    #expect(parse(String(repeating: "o", count: 70_000)) == .tooLong(bytes: 70_000, limit: 65_536))
    #expect(throws: Checkpoint.Failure.missingLines) {
      try Checkpoint(origin: "a\nb", size: 0, root: MerkleTree.emptyRoot)
    }
    #expect(throws: Checkpoint.Failure.invalidUTF8) {
      try Checkpoint(parsing: [0xFF, 0x0A] + Array("0\n\(root)\n".utf8))
    }
  }

  /// Ed25519 and ES256 lines of the same text, three cosignatures, all in one note.
  @Test(.enabled(if: Vectors.available, Vectors.absence)) func generatedNotes() throws {
    let keys = try TestKeys.load()
    let (log, witnesses) = (try keys.logKeys(), try keys.witnessKeys())
    let cosigners = try keys.witnesses.map {
      try Cosigner(name: $0.name, key: Ed25519.PrivateKey(seed: #require(Hex.decode($0.seedHex))))
    }
    for note in keys.notes {
      let signed = try SignedCheckpoint(parsing: Array(note.checkpoint.utf8))
      let verified = try signed.verified(log: log, requiring: .everyKey, witnesses: witnesses)
      #expect(verified.checkpoint.size == note.size)
      #expect(verified.checkpoint.text == note.text)
      #expect(verified.logSignatures.map(\.key.algorithm) == [.ed25519, .ecdsa])
      #expect(verified.cosignatures.map(\.timestamp) == note.cosignatures.map(\.timestamp))
      #expect(signed.note.bytes == Array(note.checkpoint.utf8))
      // Ed25519 is deterministic: our lines are theirs.
      let text = Array(note.text.utf8)
      #expect(try keys.ed25519Signer().sign(textBytes: text).line + "\n" == note.ed25519Line)
      for (cosigner, wanted) in zip(cosigners, note.cosignatures) {
        #expect(Cosigner.message(text: text, at: wanted.timestamp) == Array(wanted.signedMessage.utf8))
        #expect(try cosigner.cosign(checkpointText: text, at: wanted.timestamp).line + "\n" == wanted.line)
      }
      // The ES256 line is the DER form of the P1363 signature that browsers are given.
      let der = try #require(verified.logSignatures.last?.signature.signature)
      #expect(Hex.encode(der) == note.es256DerHex)
      #expect(Hex.encode(try ECDSASignature(strictDER: der).p1363) == note.es256P1363Hex)
    }
  }

  struct MLDSA: Decodable {
    let vkey: String
    let line: String
    let checkpoint: String
  }

  /// ML-DSA-44 cannot be verified with the library of the supported systems: the line is read and ignored, never counted.
  @Test(.enabled(if: Vectors.available, Vectors.absence)) func mldsaCosignaturesAreIgnored() throws {
    let vector = try vector("generated/mldsa44_cosignature.json", as: MLDSA.self)
    let key = try VerifierKey(parsing: vector.vkey)
    #expect(key.algorithm == .mldsa44Cosignature && !key.canVerify && key.isCosigner)
    #expect(key.text == vector.vkey)
    let line = try NoteSignature(parsing: String(vector.line.dropLast()))
    #expect(line.claims(key) && line.line + "\n" == vector.line)
    let signed = try SignedCheckpoint(parsing: Array(vector.checkpoint.utf8))
    #expect(signed.note.signatures.contains(line))
    let log = try TestKeys.load().logKeys()
    let verified = try signed.verified(log: log, requiring: .anyKey, witnesses: [key])
    #expect(verified.cosignatures.isEmpty)
    #expect(throws: NoteError.unverified) {
      try SignedNote(textBytes: signed.note.textBytes, signatures: [line]).verified(by: [key])
    }
  }

  // MARK: A log with two keys.

  let ed25519 = Ed25519.PrivateKey.generate()
  let es256 = P256.PrivateKey.generate()
  let origin = "box.example/log"

  func signers(_ name: String? = nil) throws -> [NoteSigner] {
    try [NoteSigner(name: name ?? origin, ed25519: ed25519), NoteSigner(name: name ?? origin, es256: es256)]
  }

  func log() throws -> LogKeys { try LogKeys(origin: origin, keys: signers().map(\.verifierKey)) }

  func checkpoint(_ origin: String? = nil) throws -> Checkpoint {
    try Checkpoint(origin: origin ?? self.origin, size: 3, root: MerkleTree.leafHash([1]))
  }

  @Test func checkpointsAreSignedTwice() throws {
    let signed = try SignedCheckpoint(checkpoint(), signers: signers())
    let read = try SignedCheckpoint(parsing: signed.note.bytes)
    #expect(read == signed)
    let verified = try read.verified(log: log(), requiring: .everyKey)
    #expect(verified.logSignatures.map(\.key.algorithm) == [.ed25519, .ecdsa])
  }

  @Test func aMissingKeyIsNoticed() throws {
    let signed = try SignedCheckpoint(checkpoint(), signers: [signers()[0]])
    #expect(try signed.verified(log: log(), requiring: .anyKey).logSignatures.count == 1)
    #expect(throws: SignedCheckpoint.Failure.missingSignature(.ecdsa)) {
      try signed.verified(log: log(), requiring: .everyKey)
    }
  }

  /// A log's key used under its own name on another log's checkpoint.
  @Test func anotherOriginIsRefused() throws {
    let signed = try SignedCheckpoint(checkpoint("other.example/log"), signers: signers())
    #expect(throws: SignedCheckpoint.Failure.wrongOrigin(expected: origin, actual: "other.example/log")) {
      try signed.verified(log: log(), requiring: .anyKey)
    }
    let lookalike = try SignedCheckpoint(checkpoint("box.example/log\u{37E}"), signers: signers())
    let semicolonCheckpoint = try checkpoint("box.example/log;")
    let semicolon = try LogKeys(origin: "box.example/log;", keys: signers("box.example/log;").map(\.verifierKey))
    #expect("box.example/log\u{37E}" == "box.example/log;")
    #expect(
      throws: SignedCheckpoint.Failure.wrongOrigin(expected: "box.example/log;", actual: "box.example/log\u{37E}")
    ) {
      try lookalike.verified(log: semicolon, requiring: .anyKey)
    }
    #expect(lookalike.checkpoint != semicolonCheckpoint)
  }

  @Test func cosignaturesAloneAreNotEnough() throws {
    let cosigner = try Cosigner(name: "w.example/1", key: .generate())
    var note = try SignedNote(textBytes: checkpoint().textBytes, signatures: [])
    try note.add(cosigner.cosign(checkpointText: note.textBytes, at: 1))
    let signed = try SignedCheckpoint(note: note)
    #expect(throws: SignedCheckpoint.Failure.notSignedByLog(origin: origin)) {
      try signed.verified(log: log(), requiring: .anyKey, witnesses: [cosigner.verifierKey])
    }
  }

  /// A log's key that is passed off as a witness must not count as one.
  @Test func logSignaturesAreNotCosignatures() throws {
    let signers = try signers()
    let signed = try SignedCheckpoint(checkpoint(), signers: signers)
    let log = try LogKeys(origin: origin, keys: [signers[0].verifierKey])
    let verified = try signed.verified(log: log, requiring: .anyKey, witnesses: [signers[1].verifierKey])
    #expect(verified.cosignatures.isEmpty && verified.logSignatures.count == 1)
  }

  @Test func alteredCosignaturesRefuseTheCheckpoint() throws {
    let cosigner = try Cosigner(name: "w.example/1", key: .generate())
    let signed = try SignedCheckpoint(checkpoint(), signers: signers())
    let line = try cosigner.cosign(checkpointText: signed.note.textBytes, at: 1_790_000_000)
    for octet in [0, 7, 8, 40, 71] {
      var signature = line.signature
      signature[octet] ^= 1
      var note = signed.note
      try note.add(#require(NoteSignature(name: line.name, keyID: line.keyID, signature: signature)))
      let altered = try SignedCheckpoint(note: note)
      #expect(throws: SignedCheckpoint.Failure.note(.invalidSignature(name: "w.example/1"))) {
        try altered.verified(log: log(), requiring: .anyKey, witnesses: [cosigner.verifierKey])
      }
    }
    #expect(!cosigner.verifierKey.isValid(Array(line.signature.dropFirst(8)), for: signed.note.textBytes))
    #expect(throws: NoteError.self) { try cosigner.cosign(checkpointText: [], at: 1 << 63) }
  }

  @Test func keysOfALogBearItsName() throws {
    let stranger = try NoteSigner(name: "x.example", ed25519: ed25519).verifierKey
    #expect(throws: LogKeys.Failure.nameIsNotOrigin(name: "x.example", origin: origin)) {
      try LogKeys(origin: origin, keys: [stranger])
    }
    let witness = try Cosigner(name: origin, key: ed25519).verifierKey
    #expect(throws: LogKeys.Failure.cannotSignForLog(.cosignatureV1)) { try LogKeys(origin: origin, keys: [witness]) }
    #expect(throws: LogKeys.Failure.none) { try LogKeys(origin: origin, keys: []) }
  }
}
