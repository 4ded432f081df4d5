import Cryptography
import TestSupport
import Testing

@testable import TransparencyLog

@Suite struct SignedNoteTests {
  struct File: Decodable {
    struct Note: Decodable {
      let desc: String
      let vkeys: [String]
      let want: String
      let verified: [String]
      let note: String?
      let noteHex: String?
    }
    struct Key: Decodable {
      let vkey: String
      let want: String
      let why: String?
    }
    struct Timestamp: Decodable {
      let signatureBase64: String
      let timestamp: UInt64?
    }
    struct Signing: Decodable {
      let skey: String
      let text: String
      let want: String
    }
    let notes: [Note]
    let vkeys: [Key]
    let cosignatureV1Timestamps: [Timestamp]
    let sign: [Signing]
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func notesOfTheSpecificationAndOfGo() throws {
    let file = try vector("signed_note.json", as: File.self)
    #expect(file.notes.count == 16)
    for wanted in file.notes {
      let bytes = try wanted.note.map { Array($0.utf8) } ?? #require(wanted.noteHex.flatMap { Hex.decode($0) })
      let keys = try wanted.vkeys.map { try VerifierKey(parsing: $0) }
      let outcome = Result { try SignedNote(parsing: bytes).verified(by: keys) }
      switch (wanted.want, outcome) {
      case ("ok", .success(let note)):
        #expect(note.signatures.map(\.key.name) == wanted.verified, "\(wanted.desc)")
        #expect(note.note.bytes == bytes, "\(wanted.desc)")
      case ("unverified", .failure(let error)):
        #expect(error as? NoteError == .unverified, "\(wanted.desc)")
      case ("implementation-limit", .failure(let error)):
        #expect(error as? NoteError == .tooManySignatures(count: 101, limit: 100), "\(wanted.desc)")
      case ("reject", .failure(let error)):
        #expect(error is NoteError && error as? NoteError != .unverified, "\(wanted.desc): \(error)")
      default: Issue.record("\(wanted.desc): wanted \(wanted.want), got \(outcome)")
      }
    }
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func verifierKeys() throws {
    for wanted in try vector("signed_note.json", as: File.self).vkeys {
      switch wanted.want {
      case "ok": #expect(try VerifierKey(parsing: wanted.vkey).text == wanted.vkey)
      default: #expect(throws: VerifierKey.Failure.self) { try VerifierKey(parsing: wanted.vkey) }
      }
    }
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func cosignatureTimes() throws {
    for wanted in try vector("signed_note.json", as: File.self).cosignatureV1Timestamps {
      let signature = try #require(Base64.decode(wanted.signatureBase64)).dropFirst(4)
      #expect(Cosigner.split(Array(signature))?.time == wanted.timestamp)
    }
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func signsAsGoDoes() throws {
    for wanted in try vector("signed_note.json", as: File.self).sign {
      let (name, key) = try SignerKeyText.decode(wanted.skey)
      #expect(try SignerKeyText.encode(name: name, key: key) == wanted.skey)
      let text = Array(wanted.text.utf8)
      let signature = try NoteSigner(name: name, ed25519: key).sign(textBytes: text)
      #expect(try SignedNote(textBytes: text, signatures: [signature]).bytes == Array(wanted.want.utf8))
    }
  }

  // MARK: Grease: what strangers write must not matter.

  let key = Ed25519.PrivateKey.generate()
  let text = Array("hello\n\nworld\n".utf8)

  func signer(_ name: String = "example.com/log") throws -> NoteSigner { try NoteSigner(name: name, ed25519: key) }

  @Test func linesOfStrangersAreIgnored() throws {
    let signer = try signer()
    let signature = try signer.sign(textBytes: text)
    let grease = [
      NoteSignature(name: "grease.invalid", keyID: 7, signature: [1, 2, 3]),
      // Same name, other ID; same ID, other name: strangers both.
      NoteSignature(name: signature.name, keyID: signature.keyID ^ 1, signature: signature.signature),
      NoteSignature(name: "example.com/other", keyID: signature.keyID, signature: signature.signature),
      NoteSignature(name: "\u{1F511}", keyID: .max, signature: [UInt8](repeating: 9, count: 4000)),
    ].compactMap { $0 }
    #expect(grease.count == 4)
    for position in 0...grease.count {
      var lines = grease
      lines.insert(signature, at: position)
      let note = try SignedNote(parsing: SignedNote(textBytes: text, signatures: lines).bytes)
      let verified = try note.verified(by: [signer.verifierKey])
      #expect(verified.signatures.map(\.signature) == [signature])
      #expect(verified.note.textBytes == text)
    }
    let onlyGrease = try SignedNote(textBytes: text, signatures: grease)
    #expect(throws: NoteError.unverified) { try onlyGrease.verified(by: [signer.verifierKey]) }
  }

  @Test func aBadLineOfAKnownKeyRefusesTheNote() throws {
    let signer = try signer()
    let good = try signer.sign(textBytes: text)
    let bad = try signer.sign(textBytes: Array("other\n".utf8))
    for lines in [[good, bad], [bad, good], [bad]] {
      let note = try SignedNote(textBytes: text, signatures: lines)
      #expect(throws: NoteError.invalidSignature(name: "example.com/log")) {
        try note.verified(by: [signer.verifierKey])
      }
    }
  }

  /// Swift's `==` on strings calls these two names equal; a verifier must not. The key ID of an ECDSA key does not depend
  /// on the name, so nothing else tells these two apart.
  @Test func namesAreComparedAsOctets() throws {
    let (kelvin, latin) = ("example.com/\u{212A}", "example.com/K")
    #expect(kelvin == latin)
    let key = P256.PrivateKey.generate()
    let signer = try NoteSigner(name: kelvin, es256: key)
    let other = try NoteSigner(name: latin, es256: key).verifierKey
    #expect(signer.verifierKey.keyID == other.keyID && signer.verifierKey != other)
    let line = try signer.sign(textBytes: text)
    let note = try SignedNote(textBytes: text, signatures: [line])
    #expect(throws: NoteError.unverified) { try note.verified(by: [other]) }
    #expect(try note.verified(by: [signer.verifierKey]).signatures.count == 1)
    #expect(line != NoteSignature(name: latin, keyID: line.keyID, signature: line.signature))
  }

  /// Key IDs have 32 bits: these two were found by trying 180,000 keys.
  @Test func twoKeysUnderOneNameAndIDAreAmbiguous() throws {
    let keys = try [68357, 181281].map {
      try VerifierKey(
        name: "example.com/log", ed25519: Ed25519.PublicKey(SHA256.hash(Array("collision \($0)".utf8)).bytes))
    }
    #expect(keys[0] != keys[1])
    #expect(keys[0].keyID == 0x8917_75E0 && keys[1].keyID == 0x8917_75E0)
    let line = try #require(NoteSignature(name: "example.com/log", keyID: 0x8917_75E0, signature: [1]))
    let note = try SignedNote(textBytes: text, signatures: [line])
    #expect(throws: NoteError.ambiguousKeys(name: "example.com/log")) { try note.verified(by: keys) }
  }

  @Test func theSameKeyTwiceIsNoCollision() throws {
    let signer = try signer()
    let note = try SignedNote(textBytes: text, signatures: [signer.sign(textBytes: text)])
    #expect(try note.verified(by: [signer.verifierKey, signer.verifierKey]).signatures.count == 1)
  }

  @Test func malformedNotesAreNamed() throws {
    let line = try signer().sign(textBytes: text).line
    func parse(_ note: String) -> NoteError? {
      do { _ = try SignedNote(parsing: Array(note.utf8)) } catch { return error }
      return nil
    }
    #expect(parse("a\n\n\(line)\n") == nil)
    #expect(parse("a\n\n\(line)") == .missingFinalNewline)
    #expect(parse("a\n\(line)\n") == .noSignatures)
    #expect(parse("\n\(line)\n") == .noSignatures)
    #expect(parse("a\n\n\(line)\n\n") == .noSignatures)
    #expect(parse("a\r\n\n\(line)\n") == .controlCharacter(0x0D))
    #expect(parse("a\n\n- x AAAAAAA=\n") == .malformedSignatureLine)
    #expect(parse("a\n\n\u{2014} x\n") == .malformedSignatureLine)
    #expect(parse("a\n\n\u{2014}  x AAAAAAA=\n") == .malformedSignatureLine)
    #expect(parse("a\n\n\u{2014} a+b AAAAAAA=\n") == .malformedSignatureLine)
    #expect(parse("a\n\n\u{2014} a\u{00A0}b AAAAAAA=\n") == .malformedSignatureLine)
    #expect(parse("a\n\n\u{2014} x AAAAAAA= \n") == .malformedSignatureLine)
    #expect(parse("a\n\n\u{2014} x AAAA\n") == .malformedSignature(name: "x"))
    #expect(parse("a\n\n\u{2014} x AAAAAA==\n") == .malformedSignature(name: "x"))
    #expect(parse("a\n\n\u{2014} x AAAAAAB=\n") == .malformedSignature(name: "x"))
    #expect(parse("a\n\n\u{2014} x AAAAAAA\n") == .malformedSignature(name: "x"))
    #expect(parse("a\n\n\u{2014} x AAAAAAA=\n") == nil)
    #expect(parse(String(repeating: "a", count: 1_000_000) + "\n\n\(line)\n") != nil)
    #expect(throws: NoteError.invalidText) { try SignedNote(textBytes: Array("no line feed".utf8), signatures: []) }
    #expect(throws: NoteError.invalidText) { try SignedNote(textBytes: [0xFF, 0x0A], signatures: []) }
  }

  @Test func namesOfKeysAreChecked() throws {
    for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b", "a\u{85}", "a\u{7F}", String(repeating: "n", count: 256)] {
      #expect(throws: VerifierKey.Failure.invalidName(name)) {
        try VerifierKey(name: name, ed25519: key.publicKey)
      }
      #expect(NoteSignature(name: name, keyID: 1, signature: [1]) == nil)
    }
    #expect(throws: VerifierKey.Failure.malformed) { try VerifierKey(parsing: String(repeating: "a", count: 5000)) }
  }

  @Test func ecdsaSignaturesAreStrictDER() throws {
    let key = P256.PrivateKey.generate()
    let signer = try NoteSigner(name: "example.com/log", es256: key)
    #expect(
      signer.verifierKey.keyID == SHA256.hash(key.publicKey.spkiDER).bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) })
    let good = try signer.sign(textBytes: text)
    #expect(signer.verifierKey.isValid(good.signature, for: text))
    let raw = try ECDSASignature(strictDER: good.signature).p1363
    #expect(!signer.verifierKey.isValid(raw, for: text))
    #expect(!signer.verifierKey.isValid(good.signature + [0], for: text))
    #expect(!signer.verifierKey.isValid([], for: text))
    #expect(try VerifierKey(parsing: signer.verifierKey.text) == signer.verifierKey)
  }

  @Test func repeatedLinesAreNotAddedTwice() throws {
    var note = try SignedNote(textBytes: text, signatures: [])
    let line = try signer().sign(textBytes: text)
    try note.add(line)
    try note.add(line)
    #expect(note.signatures == [line])
    for id in 1..<100 {
      try note.add(#require(NoteSignature(name: "g", keyID: UInt32(id), signature: [1])))
    }
    #expect(throws: NoteError.tooManySignatures(count: 101, limit: 100)) {
      try note.add(#require(NoteSignature(name: "g", keyID: 1000, signature: [1])))
    }
  }
}
