import Cryptography
import Synchronization
import TransparencyLog

@testable import Witness

/// A log that asks to be witnessed: its tree, its key, and requests from any of its sizes to any other.
struct TestLog: HashReader {
  struct Missing: Error {}
  let signer: NoteSigner
  private var levels: [[SHA256Digest]] = []

  /// - Parameter salt: Another salt makes another history under the same key: a fork.
  init(origin: String = "log.example/1", count: UInt8 = 64, key: Ed25519.PrivateKey = .generate(), salt: UInt8 = 0)
    throws
  {
    signer = try NoteSigner(name: origin, ed25519: key)
    var frontier = Frontier()
    for octet in 0..<count {
      frontier.append(leafHash: MerkleTree.leafHash([octet, salt])) { level, _, hash in
        if level == levels.count { levels.append([]) }
        levels[level].append(hash)
      }
    }
  }

  func hash(level: Int, index: UInt64) throws -> SHA256Digest {
    guard level < levels.count, index < UInt64(levels[level].count) else { throw Missing() }
    return levels[level][Int(index)]
  }

  var origin: String { signer.verifierKey.name }
  var keys: LogKeys { get throws { try LogKeys(origin: origin, keys: [signer.verifierKey]) } }

  func signed(_ size: UInt64) throws -> SignedCheckpoint {
    try SignedCheckpoint(Checkpoint(origin: origin, size: size, root: root(size: size)), signers: [signer])
  }

  func request(from old: UInt64, to new: UInt64) throws -> [UInt8] {
    let hashes = old == 0 || old > new ? [] : try consistencyProof(from: old, to: new).hashes
    return AddCheckpointRequest(oldSize: old, hashes: hashes, checkpoint: try signed(new)).bytes
  }

  var proofs: WitnessClient.ProofSource { { try self.consistencyProof(from: $0, to: $1) } }
}

/// Records in memory that fail as told: before writing, or after it. The second is the case that most stores forget.
final class FaultyRecords: WitnessRecords {
  enum Fault: Sendable { case none, beforeWriting, afterWriting }
  struct Injected: Error {}

  /// What outlives the witness, as a disk does.
  final class Disk: Sendable {
    let notes = Mutex<[[UInt8]: [UInt8]]>([:])
    let fault = Mutex(Fault.none)
    let writes = Mutex(0)
  }

  let disk: Disk

  init(_ disk: Disk) { self.disk = disk }

  func load() throws -> [[UInt8]: [UInt8]] { disk.notes.withLock { $0 } }

  func replace(_ known: [UInt8]?, with note: [UInt8], origin: [UInt8]) throws {
    let fault = disk.fault.withLock { $0 }
    if fault == .beforeWriting { throw Injected() }
    guard disk.notes.withLock({ $0[origin] }) == known else { throw Injected() }
    disk.notes.withLock { $0[origin] = note }
    disk.writes.withLock { $0 += 1 }
    if fault == .afterWriting { throw Injected() }
  }
}

let testTime: UInt64 = 1_790_000_000

func makeWitness(
  _ logs: [LogKeys], records: sending any WitnessRecords, key: Ed25519.PrivateKey = .generate(),
  name: String = "w.example/1", onFailure: @escaping @Sendable (CheckpointWitness.Failure) -> Void = { _ in }
) throws -> CheckpointWitness {
  try CheckpointWitness(
    cosigner: Cosigner(name: name, key: key), logs: logs, records: records, now: { testTime }, onFailure: onFailure)
}

/// A transport that hands requests to witnesses in this process, by the host in the URL.
func directTransport(_ witnesses: [String: CheckpointWitness]) -> WitnessTransport {
  WitnessTransport { request in
    struct Unreachable: Error {}
    let parts = request.url.split(separator: "/")
    guard let witness = witnesses[String(parts[1])] else { throw Unreachable() }
    if request.method == "POST" {
      let response = await witness.addCheckpoint(request.body)
      return WitnessTransport.Answer(
        status: response.status, contentType: response.contentType, body: response.body)
    }
    let note = await witness.checkpoint(originHash: String(parts[2]))
    return WitnessTransport.Answer(status: note == nil ? 404 : 200, contentType: nil, body: note ?? [])
  }
}
