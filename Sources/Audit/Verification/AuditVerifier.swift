import CanonicalJSON
import Cryptography
import Governance
import Receipts
import TransparencyLog

/// Audits an archive offline: recomputes its digests and its tree, checks the signatures of checkpoints and claims, and
/// makes every decision again. Lists every fault and goes on after each.
///
/// Opens no socket and reads no clock. Memory does not grow with the log, apart from 64 bytes for each 256 entries.
public struct AuditVerifier: Sendable {
  private let expecting: [ExpectedBox]
  private let maxFaults: Int

  /// - Parameters:
  ///   - expecting: The keys of the box that the auditor knows; each must be one of the log's. Without any, nobody says
  ///     whose log it is, and the report says so.
  ///   - maxFaults: So many faults are listed; all are counted.
  public init(expecting: [ExpectedBox] = [], maxFaults: Int = 1000) {
    self.expecting = expecting
    self.maxFaults = maxFaults
  }

  /// Called with entries done and entries in all.
  public typealias Progress = (_ done: UInt64, _ total: UInt64) -> Void

  /// Audits the archive at `path`.
  ///
  /// - Throws: `ArchiveFile.Failure` when the file cannot be read. Whatever is wrong with the archive is in the report.
  public func verify(path: String, progress: Progress = { _, _ in }) throws -> AuditReport {
    try verify(ArchiveFile(path: path), progress: progress)
  }

  /// Audits an archive. Throws only what reading its bytes throws.
  public func verify(_ archive: some ArchiveBytes, progress: Progress = { _, _ in }) throws -> AuditReport {
    var faults = FaultList(limit: maxFaults)
    let index = try ArchiveIndex(archive)
    for failure in index.failures { faults.add("archive.form", "\(failure)") }
    let files = try ArchiveFiles(archive, index, &faults)
    try files.checkManifest(archive, index, &faults)
    let material = ArchiveMaterial(archive, index)
    return try audit(files, material, &faults, progress)
  }

  private func audit(
    _ files: ArchiveFiles, _ material: ArchiveMaterial, _ faults: inout FaultList, _ progress: Progress
  ) throws -> AuditReport {
    var report = AuditReport()
    report.origin = files.keys?.box ?? files.manifest?.origin
    guard let range = files.range, material.bundleCount > 0 else {
      faults.add("archive.no-entries", "the archive has no entries")
      return report.closed(faults)
    }
    report.range = range
    let created = try Self.created(material, range)
    report.origin = created?.box ?? report.origin
    let checkpoints = CheckpointCheck(
      files.notes, keys: files.keys, created: created, range: range, expecting: expecting, &faults)
    let heads = checkpoints.verified.map(\.checkpoint)
    let before = range.lowerBound == 0 ? Frontier() : files.frontier ?? Frontier()
    let tree = try TreeCheck(
      material, before: before, sizes: Set(heads.map(\.size) + [range.upperBound]), faults: &faults)
    let judgement = try TreeJudgement(
      tree, material, range: range, checkpoints: heads, consistency: files.consistency, &faults)
    report.checkpoints = judgement.confirmed
    report.firstCheckpoint = heads.first
    report.lastCheckpoint = heads.last

    var fold = FoldCheck(folding: range.lowerBound == 0, before: files.constitutionBefore)
    var entries = FoundEntries(material, starts: tree.starts)
    var lookup = TreeJudgement.Lookup(judgement, first: range.lowerBound)
    for offset in 0..<judgement.leafCount {
      let index = range.lowerBound + offset
      let bytes = try lookup.place(of: index).flatMap { try entries.entry(at: $0) }
      fold.add(index, bytes, &faults)
      if offset % 256 == 255 || offset + 1 == judgement.leafCount { progress(offset + 1, judgement.leafCount) }
    }
    report.population = fold.population
    report.proposalsByStatus = fold.proposalsByStatus
    report.decided = fold.decided
    report.epoch = fold.epoch
    if judgement.isSound { Self.checkPages(files, fold, range, heads, report.origin, &faults) }
    report.notProved = notProved(range, checkpoints, created, judgement)
    return report.closed(faults)
  }

  /// Entry 0, when the range begins there and what is found there is one.
  private static func created(_ material: ArchiveMaterial, _ range: Range<UInt64>) throws -> BoxCreated? {
    guard range.lowerBound == 0, let bytes = try material.bundle(0).entries.first,
      let entry = try? Entry(parsing: bytes), entry.kind == .boxCreated
    else { return nil }
    return try? BoxCreated(body: entry.body)
  }

  /// The constitution and the summary follow from the entries.
  private static func checkPages(
    _ files: ArchiveFiles, _ fold: FoldCheck, _ range: Range<UInt64>, _ heads: [Checkpoint], _ origin: String?,
    _ faults: inout FaultList
  ) {
    var constitution = fold.tracker.constitution
    if range.lowerBound == 0 {
      let expected = (constitution?.json ?? .null).canonicalBytes()
      if let actual = files.constitution, actual != expected {
        faults.add(
          "constitution.differs", file: ArchiveLayout.constitution,
          "it is not the constitution that the entries lead to", expected: SHA256.hash(expected).hex,
          actual: SHA256.hash(actual).hex)
      }
    } else {
      constitution = files.constitution.flatMap { bytes in
        try? Constitution(json: JSON(canonical: bytes))
      }
    }
    let summary = Summary(
      origin: origin ?? "", range: range, population: fold.population, constitution: constitution, first: heads.first,
      last: heads.last)
    if let actual = files.summary, actual != Array(summary.text.utf8) {
      faults.add("summary.differs", file: ArchiveLayout.summary, "it does not say what the entries and checkpoints say")
    }
  }

  private func notProved(
    _ range: Range<UInt64>, _ checkpoints: CheckpointCheck, _ created: BoxCreated?, _ judgement: TreeJudgement
  ) -> [String] {
    var lines: [String] = []
    if !expecting.contains(where: { $0 != .anyBox }) {
      lines.append("whose log it is: no key of the box was given to hold it against")
    }
    if range.lowerBound > 0 {
      lines.append(
        "the decisions: the range does not begin at entry 0, so nothing was re-decided; tree, forms and times were checked"
      )
      lines.append("the constitution before the range, for the same reason")
    }
    if let why = range.lowerBound > 0 ? "entry 0 is not in the range" : checkpoints.unwitnessed(created) {
      lines.append("that the box shows everybody the same log: \(why)")
    }
    if judgement.unchecked > 0 {
      lines.append("\(judgement.unchecked) later checkpoints: the tree is wrong before them")
    }
    if !judgement.isSound { lines.append("the summary and the constitution: entries are not as they were signed") }
    lines.append("that anything after the last checkpoint did not happen")
    lines.append("what executions outside the box did: outcome and result are the box's word")
    return lines
  }
}

extension AuditReport {
  fileprivate func closed(_ faults: FaultList) -> AuditReport {
    var report = self
    report.faults = faults.kept
    report.faultCount = faults.count
    report.faultsByCode = faults.byCode
    report.verdict = faults.count == 0 ? .accepted : .refused
    return report
  }
}
