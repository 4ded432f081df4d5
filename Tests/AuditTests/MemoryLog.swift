import Cryptography
import Governance
import TransparencyLog

@testable import Audit

/// A log in memory that signs whatever it is given: an honest box, or a lying one that signs its lies.
struct MemoryLog: AuditSource, HashReader {
  let entries: [[UInt8]]
  private let notes: [SignedCheckpoint]
  private var nodes: [[SHA256Digest]] = []

  /// - Parameter every: A checkpoint is signed after so many entries, and after the last.
  init(_ entries: [[UInt8]], every: Int = 7, key: String = "log key") throws {
    self.entries = entries
    let signers = try TestKeys.noteSigners(key)
    var frontier = Frontier()
    var nodes: [[SHA256Digest]] = []
    var notes: [SignedCheckpoint] = []
    for (index, entry) in entries.enumerated() {
      frontier.append(leafHash: MerkleTree.leafHash(entry)) { level, _, hash in
        while nodes.count <= level { nodes.append([]) }
        nodes[level].append(hash)
      }
      if (index + 1) % every == 0 || index + 1 == entries.count {
        let checkpoint = try Checkpoint(origin: TestBox.name, size: frontier.size, root: frontier.root)
        notes.append(try SignedCheckpoint(checkpoint, signers: signers))
      }
    }
    self.nodes = nodes
    self.notes = notes
  }

  init(_ box: TestBox, every: Int = 7) throws { try self.init(box.log.map(\.bytes), every: every) }

  func latestCheckpoint() -> SignedCheckpoint? { notes.last }

  func checkpoints(sizes: ClosedRange<UInt64>, limit: Int) -> [SignedCheckpoint] {
    let inside = notes.filter { sizes.contains($0.checkpoint.size) }
    if inside.last?.checkpoint.size == sizes.upperBound { return inside }
    return inside + notes.filter { $0.checkpoint.size > sizes.upperBound }.prefix(1)
  }

  func entryBytes(from first: UInt64, limit: Int) -> [[UInt8]] {
    Array(entries.dropFirst(Int(first)).prefix(limit))
  }

  func hash(level: Int, index: UInt64) throws -> SHA256Digest {
    guard level < nodes.count, index < nodes[level].count else {
      throw AuditSourceFailure.missing("node \(level)/\(index)")
    }
    return nodes[level][Int(index)]
  }

  func hashTile(_ path: TilePath) throws -> [UInt8] {
    guard case .hashes(let level) = path.content else { throw AuditSourceFailure.missing("\(path)") }
    return try (0..<UInt64(path.width)).flatMap { try hash(level: 8 * level, index: path.index * 256 + $0).bytes }
  }

  /// As `/log/` serves it.
  func served(_ path: String) throws -> [UInt8]? {
    if path == "checkpoint" { return notes.last?.note.bytes }
    guard let tile = TilePath(parsing: path) else { return nil }
    guard case .entries = tile.content else { return try hashTile(tile) }
    return try EntryBundle(entries: entryBytes(from: tile.index * 256, limit: tile.width)).bytes
  }

  func archive(_ range: Range<UInt64>? = nil) throws -> [UInt8] {
    let sink = AuditMemorySink()
    _ = try AuditExport.write(source: self, range: range, to: sink)
    return sink.bytes
  }
}

/// The shortest forms of what the tests ask.
func audit(_ archive: [UInt8]) throws -> AuditReport { try AuditVerifier().verify(archive) }

func audit(_ box: TestBox) throws -> AuditReport { try audit(MemoryLog(box).archive()) }

extension AuditReport {
  /// Code and entry of each fault.
  var found: [String] { faults.map { "\($0.code) \($0.entry.map(String.init) ?? $0.file ?? "-")" } }
}
