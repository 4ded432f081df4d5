import Cryptography
import Governance
import Receipts
import TransparencyLog

/// The checkpoints of an archive that the box signed with both its keys, and whose box it is.
struct CheckpointCheck {
  /// By size, ascending.
  private(set) var verified: [VerifiedCheckpoint] = []
  private(set) var log: LogKeys?

  /// - Parameters:
  ///   - keys: What `keys.json` says; nil when it cannot be read.
  ///   - created: Entry 0; nil when the range does not begin there or it cannot be read.
  init(
    _ notes: [[UInt8]], keys: KeysFile?, created: BoxCreated?, range: Range<UInt64>, expecting: [ExpectedBox],
    _ faults: inout FaultList
  ) {
    let genesis = created.map { KeysFile(box: $0.box, keys: $0.keys) }
    if let genesis, let keys, genesis.box != keys.box || genesis.keys != keys.keys {
      faults.add("keys.mismatch", file: ArchiveLayout.keys, "the keys are not those of entry 0")
    }
    let parsed = Self.parse(notes, &faults)
    // Entry 0 may be the one that was altered: whichever keys the checkpoints verify under are the log's.
    let candidates = [genesis, keys].compactMap { $0 }.compactMap { try? $0.logKeys() }
    log =
      candidates.first { log in parsed.contains { (try? $0.1.verified(log: log, requiring: .everyKey)) != nil } }
      ?? candidates.first
    guard let log else {
      faults.add("keys.unreadable", file: ArchiveLayout.keys, "neither it nor entry 0 has the keys of a log")
      return
    }
    checkExpected(expecting, log, &faults)
    verify(parsed, log, range, genesis, &faults)
  }

  private static func parse(_ notes: [[UInt8]], _ faults: inout FaultList) -> [(Int, SignedCheckpoint)] {
    var parsed: [(Int, SignedCheckpoint)] = []
    for (number, note) in notes.enumerated() {
      do throws(SignedCheckpoint.Failure) {
        parsed.append((number + 1, try SignedCheckpoint(parsing: note)))
      } catch {
        faults.add(
          "checkpoint.form", file: ArchiveLayout.checkpoints, "checkpoint \(number + 1) cannot be read: \(error)")
      }
    }
    return parsed
  }

  private func checkExpected(_ expecting: [ExpectedBox], _ log: LogKeys, _ faults: inout FaultList) {
    for box in expecting {
      let isThere: Bool
      let text: String
      switch box {
      case .anyBox: continue
      case .es256(let key):
        isThere = log.keys.contains { $0.algorithm == .ecdsa && $0.keyBytes == key.spkiDER }
        text = "ES256 key \(Base64.encode(key.spkiDER))"
      case .ed25519(let key):
        isThere = log.keys.contains(key)
        text = "Ed25519 key \(key)"
      }
      guard !isThere else { continue }
      faults.add(
        "keys.not-expected", file: ArchiveLayout.keys, "the log is not signed by the key that was expected",
        expected: text, actual: log.keys.map(\.text).joined(separator: ", "))
    }
  }

  private mutating func verify(
    _ parsed: [(Int, SignedCheckpoint)], _ log: LogKeys, _ range: Range<UInt64>, _ genesis: KeysFile?,
    _ faults: inout FaultList
  ) {
    for (number, signed) in parsed {
      let file = ArchiveLayout.checkpoints
      let size = signed.checkpoint.size
      do throws(SignedCheckpoint.Failure) {
        let checkpoint = try signed.verified(log: log, requiring: .everyKey)
        guard size > range.lowerBound else {
          faults.add("checkpoint.size", file: file, "checkpoint \(number) of size \(size) is not of this range")
          continue
        }
        if let last = verified.last?.checkpoint, size <= last.size {
          let isContradiction = size == last.size && signed.checkpoint.root != last.root
          faults.add(
            isContradiction ? "checkpoint.contradiction" : "checkpoint.order", file: file,
            isContradiction
              ? "the box signed two roots for size \(size)"
              : "checkpoint \(number) of size \(size) comes after one of size \(last.size)",
            expected: isContradiction ? last.root.hex : "above \(last.size)",
            actual: isContradiction ? signed.checkpoint.root.hex : "\(size)")
          continue
        }
        verified.append(checkpoint)
      } catch {
        faults.add(Self.code(error), file: file, "checkpoint \(number) of size \(size): \(error)")
      }
    }
    if verified.isEmpty {
      faults.add("checkpoint.none", file: ArchiveLayout.checkpoints, "no checkpoint that the box signed")
    }
  }

  private static func code(_ failure: SignedCheckpoint.Failure) -> String {
    switch failure {
    case .note, .checkpoint, .notSignedByLog: "checkpoint.signature"
    case .wrongOrigin: "checkpoint.origin"
    case .missingSignature: "checkpoint.missing-signature"
    }
  }

  /// Whether the witnesses that entry 0 names cosigned the last checkpoint; nil when it names none, else why not.
  func unwitnessed(_ created: BoxCreated?) -> String? {
    guard let last = verified.last else { return "no checkpoint could be verified" }
    guard let text = created?.witnesses else { return "the box names no witnesses in entry 0" }
    do {
      let policy = try WitnessPolicy(parsing: Array(text.utf8))
      guard policy.quorum != nil else { return "the witness policy of entry 0 asks for no witness" }
      _ = try policy.verify(SignedCheckpoint(note: last.note))
      return nil
    } catch {
      return "\(error)"
    }
  }
}
