import CanonicalJSON
import Cryptography
import TransparencyLog

@testable import Audit

/// An archive in the hands of somebody who changes it and makes its manifest anew.
struct Tampering {
  var files: [TarArchive.File]

  init(_ archive: [UInt8]) throws { files = try TarArchive.decode(archive) }

  subscript(path: String) -> [UInt8] {
    get { files.first { $0.path == path }?.bytes ?? [] }
    set {
      for index in files.indices where files[index].path == path { files[index].bytes = newValue }
    }
  }

  /// All entries, in order.
  func entries() throws -> [[UInt8]] {
    var entries: [[UInt8]] = []
    for file in files where file.path.hasPrefix("entries/") {
      var rest = file.bytes[...]
      while let high = rest.popFirst(), let low = rest.popFirst() {
        entries.append(Array(rest.prefix(Int(high) << 8 | Int(low))))
        rest = rest.dropFirst(Int(high) << 8 | Int(low))
      }
    }
    return entries
  }

  /// Puts other entries in the place of all, in bundles of 256.
  mutating func replaceEntries(_ entries: [[UInt8]]) throws {
    try replace("entries/") { start in
      try EntryBundle(entries: Array(entries[start..<min(start + 256, entries.count)])).bytes
    } count: {
      entries.count
    }
  }

  mutating func replaceLeaves(_ hashes: [SHA256Digest]) throws {
    try replace("leaves/") { start in
      hashes[start..<min(start + 256, hashes.count)].flatMap(\.bytes)
    } count: {
      hashes.count
    }
  }

  private mutating func replace(_ folder: String, bytes: (Int) throws -> [UInt8], count: () -> Int) throws {
    let paths = files.map(\.path).filter { $0.hasPrefix(folder) }
    for (number, path) in paths.enumerated() {
      self[path] = number * 256 < count() ? try bytes(number * 256) : []
    }
  }

  func leaves() -> [SHA256Digest] {
    files.filter { $0.path.hasPrefix("leaves/") }.flatMap { file in
      stride(from: 0, to: file.bytes.count, by: 32).compactMap { SHA256Digest(file.bytes[$0..<($0 + 32)]) }
    }
  }

  /// The archive with a manifest that fits it.
  func archive() throws -> [UInt8] {
    var files = files
    if let last = files.last, last.path == "manifest.json", var manifest = try? Manifest(parsing: last.bytes) {
      manifest.files = files.dropLast().map { Manifest.File(path: $0.path, digest: SHA256.hash($0.bytes)) }
      if let keys = try? KeysFile(parsing: self["keys.json"]) { manifest.keys = keys.keys }
      files[files.count - 1].bytes = manifest.bytes
    }
    return try TarArchive.encode(files)
  }

  func report() throws -> AuditReport { try audit(archive()) }
}

extension [UInt8] {
  /// Replaces the first occurrence of a text by one of the same length.
  func replacing(_ old: String, with new: String) -> [UInt8] {
    let (old, new) = (Array(old.utf8), Array(new.utf8))
    guard let start = indices.first(where: { self[$0...].starts(with: old) }) else { return self }
    var bytes = self
    bytes.replaceSubrange(start..<(start + old.count), with: new)
    return bytes
  }
}
