import Attestation
import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import TransparencyLog

/// The steps that every receipt shares: those about the log that its entries are from.
struct LogVerification: Verifying {
  let expected: ExpectedBox

  // format, checkpoint, entries
  var proof: LogProof?
  var signed: SignedCheckpoint?
  var genesis: Logged<BoxCreated>?
  // format
  var attested: Attested?
  // entries: when what the receipt is about ended, Unix milliseconds
  var ended: Int64?
  // identity, evidence
  var established: Established?
  var report: AttestationReport?
  let appraisal: EvidenceExpectation?

  init(expected: ExpectedBox, appraisal: EvidenceExpectation?) {
    self.expected = expected
    self.appraisal = appraisal
  }

  mutating func run(_ id: StepID) throws(CheckFailure) -> StepOutcome {
    switch id {
    case .checkpoint: try checkCheckpoint()
    case .logSignature: try checkLogSignature()
    case .boxKey: try checkBoxKey()
    case .witnesses: try checkWitnesses()
    case .inclusion: try checkInclusion()
    case .genesis: try checkGenesis()
    case .identity: try checkIdentity()
    case .evidence: try checkEvidence()
    case .release: try checkRelease()
    default: throw Self.incomplete(id)
    }
  }

  mutating func checkCheckpoint() throws(CheckFailure) -> StepOutcome {
    let text = try need(proof, .format).checkpoint
    let note: SignedNote
    do { note = try SignedNote(parsing: Array(text.utf8)) } catch {
      throw CheckFailure("checkpoint.note", expected: "a signed note", actual: "\(error)")
    }
    let signed: SignedCheckpoint
    do { signed = try SignedCheckpoint(note: note) } catch {
      throw CheckFailure("checkpoint.body", expected: "origin, size and root", actual: "\(error)")
    }
    self.signed = signed
    return .passed("\(signed.checkpoint.origin), \(signed.checkpoint.size) entries.")
  }

  func checkLogSignature() throws(CheckFailure) -> StepOutcome {
    let keys = try need(genesis, .entries).body.keys
    let note = try need(signed, .checkpoint).note
    guard let es256 = try? ClaimKey(parsing: keys.es256).publicKey, let named = try? VerifierKey(parsing: keys.ed25519),
      let ecdsa = try? VerifierKey(name: named.name, es256: es256)
    else { throw CheckFailure("log-signature.keys", expected: "the box's two keys", actual: "\(keys)") }
    guard let raw = Base64.decode(try need(proof, .format).es256), raw.count == 64 else {
      throw CheckFailure("log-signature.es256-encoding", expected: "base64 of 64 bytes", actual: "other text")
    }
    guard let signature = try? ECDSASignature(p1363: raw), es256.isValid(signature, for: note.textBytes) else {
      throw CheckFailure(
        "log-signature.es256", expected: "the box's ES256 signature over the checkpoint", actual: "another")
    }
    for (key, name) in [(ecdsa, "note-es256"), (named, "ed25519")] {
      let lines = note.signatures.filter { $0.claims(key) }
      guard !lines.isEmpty else {
        throw CheckFailure("log-signature.\(name)-missing", expected: "a line of the box's key", actual: "none")
      }
      guard lines.allSatisfy({ key.isValid($0.signature, for: note.textBytes) }) else {
        throw CheckFailure("log-signature.\(name)", expected: "a line that verifies", actual: "one that does not")
      }
    }
    return .passed("ES256 and Ed25519.")
  }

  func checkBoxKey() throws(CheckFailure) -> StepOutcome {
    let keys = try need(genesis, .entries).body.keys
    switch expected {
    case .anyBox:
      return .notProved(
        "No key of the box was given: whoever wrote this log signed it, and nobody says here who that is.")
    case .es256(let key):
      guard (try? ClaimKey(parsing: keys.es256).publicKey) == key else {
        throw CheckFailure("box-key.mismatch", expected: "the expected ES256 key", actual: keys.es256)
      }
    case .ed25519(let key):
      guard (try? VerifierKey(parsing: keys.ed25519)) == key else {
        throw CheckFailure("box-key.mismatch", expected: key.text, actual: keys.ed25519)
      }
    }
    return .passed("The key you gave is the box's.")
  }

  func checkWitnesses() throws(CheckFailure) -> StepOutcome {
    guard let text = try need(genesis, .entries).body.witnesses else {
      return .notProved("The box names no witnesses: it could show another log to somebody else.")
    }
    let note = try need(signed, .checkpoint).note
    let policy: WitnessPolicy
    do { policy = try WitnessPolicy(parsing: Array(text.utf8)) } catch {
      throw CheckFailure("witnesses.policy", expected: "a witness policy", actual: "\(error)")
    }
    var cosigned: Set<Int> = []
    for (index, witness) in policy.witnesses.enumerated() {
      for line in note.signatures where line.claims(witness.key) {
        guard witness.key.isValid(line.signature, for: note.textBytes) else {
          throw CheckFailure(
            "witnesses.cosignature", expected: "a cosignature of \(witness.name) that verifies",
            actual: "one that does not")
        }
        cosigned.insert(index)
      }
    }
    guard policy.quorum != nil else {
      return .notProved("The box's witness policy asks for none: it could show another log to somebody else.")
    }
    guard policy.isSatisfied(cosigners: cosigned) else {
      return .notProved(
        "\(cosigned.count) of \(policy.witnesses.count) witnesses cosigned, fewer than the box's own policy asks for.")
    }
    return .passed("Cosigned by \(cosigned.map { policy.witnesses[$0].name }.sorted().joined(separator: ", ")).")
  }

  func checkInclusion() throws(CheckFailure) -> StepOutcome {
    let checkpoint = try need(signed, .checkpoint).checkpoint
    let items = try need(proof, .format).entries
    for item in items {
      guard item.index < checkpoint.size else {
        throw CheckFailure("inclusion.index", expected: "an index below \(checkpoint.size)", actual: "\(item.index)")
      }
      let proof = InclusionProof(index: item.index, size: checkpoint.size, hashes: item.proof)
      guard let root = try? proof.computedRoot(leafHash: MerkleTree.leafHash(item.entry)) else {
        throw CheckFailure(
          "inclusion.proof-length", expected: "the length of a proof for entry \(item.index)",
          actual: "\(item.proof.count) hashes")
      }
      guard root == checkpoint.root else {
        throw CheckFailure(
          "inclusion.root", expected: "\(Base64.encode(checkpoint.root.bytes)) from entry \(item.index)",
          actual: Base64.encode(root.bytes))
      }
    }
    return .passed("All \(items.count) lead to the checkpoint's root.")
  }

  func checkGenesis() throws(CheckFailure) -> StepOutcome {
    let genesis = try need(genesis, .entries)
    let origin = try need(signed, .checkpoint).checkpoint.origin
    guard genesis.index == 0 else { throw CheckFailure("genesis.index", expected: "0", actual: "\(genesis.index)") }
    guard origin.utf8.elementsEqual(genesis.body.box.utf8) else {
      throw CheckFailure("genesis.origin", expected: origin, actual: genesis.body.box)
    }
    return .passed("\(genesis.body.box), since \(PlainWords.time(genesis.at)).")
  }
}
