import Cryptography
import TestSupport
import Testing

@testable import TransparencyLog

@Suite struct TLogProofTests {
  struct Case: Decodable {
    let entry: String
    let index: UInt64
    let size: UInt64
    let valid: Bool
    let why: String?
    let document: String
  }

  private func policy(quorum: Int) throws -> WitnessPolicy {
    let keys = try TestKeys.load()
    var text = "log \(keys.logEd25519Vkey)\nlog \(keys.logEs256Vkey)\n"
    for (index, witness) in keys.witnesses.enumerated() { text += "witness w\(index) \(witness.vkey)\n" }
    text += "group g \(quorum) " + keys.witnesses.indices.map { "w\($0)" }.joined(separator: " ") + "\nquorum g\n"
    return try WitnessPolicy(parsing: Array(text.utf8))
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func documents() throws {
    let cases = try vector("generated/tlog_proofs.json", as: [Case].self)
    #expect(cases.count == 27)
    let policy = try policy(quorum: 3)
    for wanted in cases {
      let leaf = MerkleTree.leafHash(Array(wanted.entry.utf8))
      let outcome = Result { () throws -> TLogProof in
        let proof = try TLogProof(parsing: Array(wanted.document.utf8))
        let verified = try proof.verify(leafHash: leaf, policy: policy)
        #expect(verified.checkpoint.size == wanted.size && proof.index == wanted.index)
        return proof
      }
      switch outcome {
      case .success(let proof):
        #expect(wanted.valid, "\(wanted.why ?? "")")
        #expect(proof.text == wanted.document)
      case .failure(let error): #expect(!wanted.valid, "\(wanted.index) of \(wanted.size): \(error)")
      }
    }
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func failuresAreNamed() throws {
    let good = try #require(
      try vector("generated/tlog_proofs.json", as: [Case].self).first { $0.valid && $0.size == 600 })
    func failure(_ edit: (inout String) -> Void) -> TLogProof.Failure? {
      var document = good.document
      edit(&document)
      do { _ = try TLogProof(parsing: Array(document.utf8)) } catch { return error }
      return nil
    }
    #expect(failure { _ in } == nil)
    #expect(failure { $0 = "x" + $0 } == .wrongHeader)
    #expect(failure { $0.replace("index ", with: "extra AA\nindex ", maxReplacements: 1) } == .invalidExtra)
    #expect(
      failure { $0.replace("index ", with: "extra AA==\nextra AA==\nindex ", maxReplacements: 1) } == .invalidIndex)
    #expect(failure { $0.replace("index ", with: "extra \nindex ", maxReplacements: 1) } == nil)
    #expect(failure { $0.replace("index ", with: "index 0", maxReplacements: 1) } == .invalidIndex)
    #expect(failure { $0.replace("index ", with: "index +", maxReplacements: 1) } == .invalidIndex)
    #expect(failure { $0 = String($0.prefix { $0 != "\n" }) } == .wrongHeader)
    #expect(failure { $0 = String($0.prefix(60)) } == .missingBlankLine)
    #expect(failure { $0 += "x" } == .checkpoint(.note(.missingFinalNewline)))
    let hash = Base64.encode(MerkleTree.emptyRoot.bytes) + "\n"
    #expect(
      failure { $0.replace("\n\n", with: "\n" + String(repeating: hash, count: 65) + "\n", maxReplacements: 1) }
        == .tooManyHashes(limit: 64))
    #expect(
      failure { $0 += String(repeating: "a", count: 1 << 20) }
        == .tooLong(bytes: good.document.utf8.count + 1 << 20, limit: 1 << 20))
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func everyPartIsChecked() throws {
    let good = try #require(
      try vector("generated/tlog_proofs.json", as: [Case].self).first { $0.valid && $0.size == 600 })
    let proof = try TLogProof(parsing: Array(good.document.utf8))
    let leaf = MerkleTree.leafHash(Array(good.entry.utf8))
    #expect(throws: TLogProof.Failure.self) {
      try proof.verify(leafHash: MerkleTree.leafHash([0]), policy: policy(quorum: 1))
    }
    let bare = try SignedNote(
      textBytes: proof.signedCheckpoint.note.textBytes, signatures: [proof.signedCheckpoint.note.signatures[0]])
    let unwitnessed = TLogProof(
      index: proof.index, hashes: proof.hashes, checkpoint: try SignedCheckpoint(note: bare))
    #expect(throws: TLogProof.Failure.policy(.quorumNotMet(cosigned: []))) {
      try unwitnessed.verify(leafHash: leaf, policy: policy(quorum: 1))
    }
    let keys = try TestKeys.load()
    #expect(try unwitnessed.verify(leafHash: leaf, policy: .unwitnessed(keys.logKeys())).checkpoint.size == 600)
    let stranger = try NoteSigner(name: "else.example", ed25519: .generate()).verifierKey
    #expect(throws: TLogProof.Failure.policy(.unknownLog(origin: keys.origin))) {
      try unwitnessed.verify(leafHash: leaf, policy: .unwitnessed(LogKeys(origin: "else.example", keys: [stranger])))
    }
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func extraIsCarriedButProvesNothing() throws {
    let good = try #require(try vector("generated/tlog_proofs.json", as: [Case].self).first { $0.valid })
    let proof = try TLogProof(parsing: Array(good.document.utf8))
    let with = TLogProof(
      extra: [1, 2, 3], index: proof.index, hashes: proof.hashes, checkpoint: proof.signedCheckpoint)
    let read = try TLogProof(parsing: Array(with.text.utf8))
    #expect(read == with && read.extra == [1, 2, 3])
    _ = try read.verify(leafHash: MerkleTree.leafHash(Array(good.entry.utf8)), policy: policy(quorum: 2))
  }
}
