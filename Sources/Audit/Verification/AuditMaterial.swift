import Cryptography
import TransparencyLog

/// The entries under audit and their leaf hashes, bundle by bundle, as they were found: there may be too few, too many,
/// or others.
protocol AuditMaterial {
  var bundleCount: Int { get }
  /// The entries of a bundle, as many as can be read, and what is wrong with its form.
  func bundle(_ number: Int) throws -> (entries: [[UInt8]], damage: String?)
  /// Nil where there are no leaf hashes beside the entries.
  var leafBundleCount: Int? { get }
  func leafBundle(_ number: Int) throws -> (hashes: [SHA256Digest], damage: String?)
  /// What to call a bundle in a fault.
  func bundleName(_ number: Int) -> String
  func leafBundleName(_ number: Int) -> String
}

/// One value after another out of bundles.
struct BundleCursor<Element> {
  private let count: Int
  private let load: (Int) throws -> [Element]
  private var number = 0
  private var current: [Element] = []
  private var position = 0

  init(count: Int, load: @escaping (Int) throws -> [Element]) {
    self.count = count
    self.load = load
  }

  mutating func next() throws -> Element? {
    while position == current.count {
      guard number < count else { return nil }
      current = try load(number)
      number += 1
      position = 0
    }
    defer { position += 1 }
    return current[position]
  }
}

/// The entries of an archive by their place in it, across bundles of any width.
struct FoundEntries {
  private let material: any AuditMaterial
  /// The place of each bundle's first entry, and after the last bundle the number of entries.
  private let starts: [UInt64]
  private var loaded: (number: Int, entries: [[UInt8]])?

  init(_ material: any AuditMaterial, starts: [UInt64]) {
    self.material = material
    self.starts = starts
  }

  mutating func entry(at place: UInt64) throws -> [UInt8]? {
    if let loaded, let bytes = Self.entry(place, of: loaded, starts) { return bytes }
    guard let end = starts.last, place < end else { return nil }
    var low = 0
    var high = starts.count - 1
    while low < high {
      let middle = (low + high + 1) / 2
      if starts[middle] <= place { low = middle } else { high = middle - 1 }
    }
    let bundle = (low, try material.bundle(low).entries)
    loaded = bundle
    return Self.entry(place, of: bundle, starts)
  }

  private static func entry(
    _ place: UInt64, of bundle: (number: Int, entries: [[UInt8]]), _ starts: [UInt64]
  ) -> [UInt8]? {
    guard place >= starts[bundle.number], place < starts[bundle.number + 1] else { return nil }
    let offset = Int(place - starts[bundle.number])
    return offset < bundle.entries.count ? bundle.entries[offset] : nil
  }
}

/// The entries and leaves of an archive.
struct ArchiveMaterial: AuditMaterial {
  private let archive: any ArchiveBytes
  private let entryFiles: [ArchiveIndex.Member]
  private let leafFiles: [ArchiveIndex.Member]

  init(_ archive: any ArchiveBytes, _ index: ArchiveIndex) {
    self.archive = archive
    entryFiles = index.members.filter { $0.path.hasPrefix(ArchiveLayout.entriesFolder) }
    leafFiles = index.members.filter { $0.path.hasPrefix(ArchiveLayout.leavesFolder) }
  }

  var bundleCount: Int { entryFiles.count }
  var leafBundleCount: Int? { leafFiles.isEmpty ? nil : leafFiles.count }
  func bundleName(_ number: Int) -> String { entryFiles[number].path }
  func leafBundleName(_ number: Int) -> String { leafFiles[number].path }

  func bundle(_ number: Int) throws -> (entries: [[UInt8]], damage: String?) {
    let bytes = try archive.read(entryFiles[number].range)
    var entries: [[UInt8]] = []
    entries.reserveCapacity(TilePath.fullWidth)
    var offset = 0
    while offset < bytes.count {
      guard bytes.count - offset >= 2 else { return (entries, "it ends within a length") }
      let length = Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
      guard bytes.count - offset - 2 >= length else { return (entries, "it ends within an entry") }
      guard entries.count < TilePath.fullWidth else {
        return (entries, "it holds more than \(TilePath.fullWidth) entries")
      }
      offset += 2
      entries.append(Array(bytes[offset..<(offset + length)]))
      offset += length
    }
    return (entries, entries.isEmpty ? "it holds no entry" : nil)
  }

  func leafBundle(_ number: Int) throws -> (hashes: [SHA256Digest], damage: String?) {
    let bytes = try archive.read(leafFiles[number].range)
    let size = SHA256Digest.byteCount
    let hashes = stride(from: 0, to: bytes.count - bytes.count % size, by: size).compactMap {
      SHA256Digest(bytes[$0..<($0 + size)])
    }
    let isWhole = bytes.count % size == 0 && !hashes.isEmpty
    return (hashes, isWhole ? nil : "it is not a list of hashes of 32 bytes")
  }
}
