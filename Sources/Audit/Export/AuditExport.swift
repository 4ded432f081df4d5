import CanonicalJSON
import Cryptography
import Governance
import Storage
import TransparencyLog

/// Writes an audit archive (docs/formats.md section 10). One range of one log has one archive, byte for byte.
///
/// Entries are passed through in bundles; memory holds one of them, and 64 bytes for every 256 entries.
public enum AuditExport {
  /// Why a log cannot be exported.
  public enum Failure: Error, Hashable, CustomStringConvertible {
    /// Entry 0 does not say whose log it is.
    case notALog(String)

    public var description: String {
      switch self {
      case .notALog(let why): "entry 0 does not create a box: \(why)"
      }
    }
  }

  /// The most checkpoints that an archive holds; of more, this many are chosen, evenly spread.
  public static let maxCheckpoints = 1024

  /// What was written.
  public struct Written: Sendable, Hashable {
    public var origin: String
    public var range: Range<UInt64>
    /// The last checkpoint of the archive.
    public var checkpoint: Checkpoint
    public var population: Population
    /// SHA-256 of the manifest: it stands for every byte of the archive.
    public var manifest: SHA256Digest
  }

  /// Writes the entries of `range` (nil: all of them) and all that is needed to check them.
  ///
  /// - Parameter progress: Called with entries done and entries in all.
  /// - Throws: `AuditSourceFailure` when the log does not hold the range, `Failure`, and what source and sink throw.
  public static func write(
    source: some AuditSource, range: Range<UInt64>? = nil, to sink: some AuditSink,
    progress: (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
  ) throws -> Written {
    guard let newest = try source.latestCheckpoint() else { throw AuditSourceFailure.empty }
    let size = newest.checkpoint.size
    let range = range ?? 0..<size
    guard !range.isEmpty, range.upperBound <= size else { throw AuditSourceFailure.range(range, size: size) }
    let created = try created(source)
    let checkpoints = try source.checkpoints(
      sizes: (range.lowerBound + 1)...range.upperBound, limit: maxCheckpoints)
    guard let first = checkpoints.first?.checkpoint, let last = checkpoints.last?.checkpoint,
      last.size >= range.upperBound
    else { throw AuditSourceFailure.missing("a checkpoint of size \(range.upperBound) or more") }

    var archive = ArchiveWriter(sink)
    try archive.write(ArchiveLayout.keys, keys(created))
    var tracker = ConstitutionTracker()
    var named = ConstitutionTracker()
    if range.lowerBound > 0 {
      let frontier = try source.hashes(size: size).frontier(size: range.lowerBound)
      try archive.write(ArchiveLayout.frontier, FrontierFile(frontier).bytes)
      try forEachBundle(of: 0..<range.lowerBound, source) { _, entries in
        for bytes in entries { if let entry = try? Entry(parsing: bytes) { tracker.add(entry) } }
      }
      // The summary names what can be named from the archive alone, so that a verifier writes the same.
      if let before = tracker.constitution { named = ConstitutionTracker(before) }
      try archive.write(ArchiveLayout.constitutionBefore, (tracker.constitution?.json ?? .null).canonicalBytes())
    }
    var population = Population()
    try forEachBundle(of: range, source) { first, entries in
      try archive.write(ArchiveLayout.entries(first), EntryBundle(entries: entries).bytes)
      try archive.write(ArchiveLayout.leaves(first), entries.flatMap { MerkleTree.leafHash($0).bytes })
      for bytes in entries {
        let entry = try? Entry(parsing: bytes)
        if let entry {
          tracker.add(entry)
          named.add(entry)
        }
        population.add(entry, names: named.names)
      }
      progress(population.entries, UInt64(range.count))
    }
    let notes = checkpoints.map { String(decoding: $0.note.bytes, as: UTF8.self) }
    try archive.write(ArchiveLayout.checkpoints, Array(notes.joined(separator: ArchiveLayout.separator).utf8))
    try archive.write(ArchiveLayout.consistency, consistency(source, range, first, last).bytes)
    let constitution = tracker.constitution
    try archive.write(ArchiveLayout.constitution, (constitution?.json ?? .null).canonicalBytes())
    let summary = Summary(
      origin: created.box, range: range, population: population, constitution: constitution, first: first, last: last)
    try archive.write(ArchiveLayout.summary, Array(summary.text.utf8))
    let manifest = Manifest(origin: created.box, range: range, keys: created.keys, files: archive.files).bytes
    try archive.write(ArchiveLayout.manifest, manifest)
    try archive.finish()
    return Written(
      origin: created.box, range: range, checkpoint: last, population: population, manifest: SHA256.hash(manifest))
  }

  static func keys(_ created: BoxCreated) -> [UInt8] { KeysFile(box: created.box, keys: created.keys).bytes }

  private static func created(_ source: some AuditSource) throws -> BoxCreated {
    guard let bytes = try source.entryBytes(from: 0, limit: 1).first else { throw AuditSourceFailure.empty }
    do {
      let entry = try Entry(parsing: bytes)
      guard entry.kind == .boxCreated else { throw Failure.notALog("it is \(entry.kind.rawValue)") }
      return try BoxCreated(body: entry.body)
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure.notALog("\(error)")
    }
  }

  private static func forEachBundle(
    of range: Range<UInt64>, _ source: some AuditSource, _ body: (UInt64, [[UInt8]]) throws -> Void
  ) throws {
    for bundle in ArchiveLayout.bundles(of: range) {
      let entries = try source.entryBytes(from: bundle.lowerBound, limit: bundle.count)
      guard entries.count == bundle.count else {
        throw AuditSourceFailure.missing("entry \(bundle.lowerBound + UInt64(entries.count))")
      }
      try body(bundle.lowerBound, entries)
    }
  }

  private static func consistency(
    _ source: some AuditSource, _ range: Range<UInt64>, _ first: Checkpoint, _ last: Checkpoint
  ) throws -> ConsistencyFile {
    let hashes = source.hashes(size: last.size)
    var proofs: [ConsistencyProof] = []
    if first.size < last.size { proofs.append(try hashes.consistencyProof(from: first.size, to: last.size)) }
    // No checkpoint was signed at the very end of the range: this proof binds the range to the next one.
    if range.upperBound < last.size, range.upperBound != first.size {
      proofs.append(try hashes.consistencyProof(from: range.upperBound, to: last.size))
    }
    return ConsistencyFile(proofs: proofs)
  }
}

/// Writes files one after another and remembers their digests.
private struct ArchiveWriter<Sink: AuditSink> {
  private let sink: Sink
  private(set) var files: [Manifest.File] = []

  init(_ sink: Sink) { self.sink = sink }

  mutating func write(_ path: String, _ bytes: [UInt8]) throws {
    try sink.write(TarArchive.encode(TarArchive.File(path: path, bytes: bytes)))
    files.append(Manifest.File(path: path, digest: SHA256.hash(bytes)))
  }

  func finish() throws {
    try sink.write(TarArchive.end)
    try sink.finish()
  }
}
