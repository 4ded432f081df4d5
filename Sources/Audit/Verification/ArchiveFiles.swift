import CanonicalJSON
import Cryptography
import Governance
import TransparencyLog

/// The small files of an archive, read; what cannot be read is a fault and nil.
struct ArchiveFiles {
  private(set) var manifest: Manifest?
  private(set) var keys: KeysFile?
  private(set) var frontier: Frontier?
  private(set) var constitutionBefore: Constitution?
  private(set) var notes: [[UInt8]] = []
  private(set) var consistency: [ConsistencyProof]?
  private(set) var constitution: [UInt8]?
  private(set) var summary: [UInt8]?
  /// The range of the manifest; without one, what the names of the bundles say begins.
  let range: Range<UInt64>?

  /// The greatest length of a file that is read whole.
  static let maxBytes = 1 << 28

  init(_ archive: any ArchiveBytes, _ index: ArchiveIndex, _ faults: inout FaultList) throws {
    func read<Value>(_ path: String, _ make: ([UInt8]) throws -> Value, _ faults: inout FaultList) throws -> Value? {
      guard let member = index[path] else {
        faults.add("archive.missing", file: path, "the archive does not hold it")
        return nil
      }
      guard member.range.count <= Self.maxBytes else {
        faults.add("archive.size", file: path, "it has more than \(Self.maxBytes) bytes")
        return nil
      }
      let bytes = try archive.read(member.range)
      do {
        return try make(bytes)
      } catch {
        faults.add("archive.file", file: path, "it cannot be read: \(error)")
        return nil
      }
    }
    manifest = try read(ArchiveLayout.manifest, { try Manifest(parsing: $0) }, &faults)
    keys = try read(ArchiveLayout.keys, { try KeysFile(parsing: $0) }, &faults)
    range = manifest?.range ?? Self.guessedRange(index)
    if let from = range?.lowerBound, from > 0 {
      frontier = try read(ArchiveLayout.frontier, { try FrontierFile(parsing: $0).frontier }, &faults)
      if let found = frontier, found.size != from {
        faults.add(
          "frontier.size", file: ArchiveLayout.frontier, "it is of another size than where the range begins",
          expected: "\(from)", actual: "\(found.size)")
        frontier = nil
      }
      constitutionBefore = try read(
        ArchiveLayout.constitutionBefore, { try Constitution(json: JSON(canonical: $0)) }, &faults)
    }
    notes = try read(ArchiveLayout.checkpoints, Self.notes, &faults) ?? []
    consistency = try read(ArchiveLayout.consistency, { try ConsistencyFile(parsing: $0).proofs }, &faults)
    constitution = try read(ArchiveLayout.constitution, { $0 }, &faults)
    summary = try read(ArchiveLayout.summary, { $0 }, &faults)
  }

  private static func guessedRange(_ index: ArchiveIndex) -> Range<UInt64>? {
    guard let path = index.members.first(where: { $0.path.hasPrefix(ArchiveLayout.entriesFolder) })?.path,
      let first = UInt64(path.dropFirst(ArchiveLayout.entriesFolder.count).prefix { $0 != "." })
    else { return nil }
    return first..<first
  }

  /// Notes parted by a line `====` that follows a signature line.
  private static func notes(_ bytes: [UInt8]) -> [[UInt8]] {
    var notes: [[UInt8]] = []
    var note: [UInt8] = []
    var followsSignature = false
    var rest = bytes[...]
    while !rest.isEmpty {
      let end = rest.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? rest.endIndex
      let line = rest[..<end]
      rest = rest[end...]
      if followsSignature, line.elementsEqual(ArchiveLayout.separator.utf8) {
        notes.append(note)
        note = []
        followsSignature = false
      } else {
        note += line
        followsSignature = line.starts(with: "\u{2014} ".utf8)
      }
    }
    return note.isEmpty ? notes : notes + [note]
  }

  /// Holds every file against its digest in the manifest, and the archive's order against the format.
  func checkManifest(_ archive: any ArchiveBytes, _ index: ArchiveIndex, _ faults: inout FaultList) throws {
    guard let manifest else { return }
    if let keys, manifest.keys != keys.keys || manifest.origin != keys.box {
      faults.add("manifest.keys", file: ArchiveLayout.manifest, "it names another box or other keys than keys.json")
    }
    let expected = ArchiveLayout.paths(of: manifest.range)
    if index.members.map(\.path) != expected {
      let actual = Set(index.members.map(\.path))
      let wanted = Set(expected)
      for path in expected where !actual.contains(path) {
        faults.add("archive.missing", file: path, "a range like this has this file, and the archive does not hold it")
      }
      for path in index.members.map(\.path) where !wanted.contains(path) {
        faults.add("archive.extra", file: path, "a file that the format does not have")
      }
      if actual == wanted { faults.add("archive.order", "the files are not in the order of the format") }
    }
    let others = expected.dropLast()
    if manifest.files.map(\.path) != Array(others) {
      faults.add("manifest.files", file: ArchiveLayout.manifest, "it does not list exactly the files of such a range")
    }
    for file in manifest.files {
      guard let member = index[file.path] else { continue }
      let digest = try Self.digest(of: member, in: archive)
      guard digest != file.digest else { continue }
      faults.add(
        "manifest.digest", file: file.path, "its bytes are not those that the manifest was made over",
        expected: file.digest.hex, actual: digest.hex)
    }
  }

  private static func digest(of member: ArchiveIndex.Member, in archive: any ArchiveBytes) throws -> SHA256Digest {
    var hash = SHA256()
    var offset = member.range.lowerBound
    while offset < member.range.upperBound {
      let end = min(offset + 1 << 20, member.range.upperBound)
      hash.update(try archive.read(offset..<end))
      offset = end
    }
    return hash.finalize()
  }
}
