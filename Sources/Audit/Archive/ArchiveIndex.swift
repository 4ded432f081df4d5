/// Where each file of an archive lies. Made by reading the headers alone.
///
/// Unlike ``TarArchive/decode(_:)`` it goes on after a header that is not as we write it, as long as name and length can be
/// read: whoever has tampered with an archive shall not be able to hide the rest of it.
struct ArchiveIndex {
  struct Member: Sendable {
    let path: String
    /// The contents.
    let range: Range<Int>
  }

  /// In the order of the archive.
  private(set) var members: [Member] = []
  /// What is wrong with headers, padding and the end.
  private(set) var failures: [TarArchive.Failure] = []
  private var positions: [String: Int] = [:]

  init(_ archive: some ArchiveBytes) throws {
    let block = TarArchive.blockSize
    var offset = 0
    while true {
      guard offset + block <= archive.length else {
        failures.append(.truncated(offset: offset))
        return
      }
      let header = try archive.read(offset..<(offset + block))
      if header[0] == 0 { break }
      guard members.count < TarArchive.maxFiles else {
        failures.append(.tooManyFiles(limit: TarArchive.maxFiles))
        return
      }
      let path = String(decoding: header[..<100].prefix { $0 != 0 }, as: UTF8.self)
      guard TarArchive.isValid(path) else {
        failures.append(.path(path))
        return
      }
      let digits = header[124..<135]
      guard digits.allSatisfy({ (48...55).contains($0) }) else {
        failures.append(.header(offset: offset, field: "size"))
        return
      }
      let size = digits.reduce(0) { $0 * 8 + Int($1 - 48) }
      let start = offset + block
      let padding = TarArchive.padding(after: size)
      guard size + padding <= archive.length - start else {
        failures.append(.truncated(offset: offset))
        return
      }
      if try TarArchive.header(path: path, size: size) != header {
        failures.append(.header(offset: offset, field: "mode, owner, time, checksum or padding"))
      }
      let end = start + size + padding
      if try archive.read((start + size)..<end).contains(where: { $0 != 0 }) {
        failures.append(.padding(offset: start + size))
      }
      if positions[path] == nil {
        positions[path] = members.count
        members.append(Member(path: path, range: start..<(start + size)))
      } else {
        failures.append(.duplicate(path))
      }
      offset = end
    }
    // Exactly two blocks of zeros end an archive.
    let rest = archive.length - offset
    if rest != TarArchive.end.count {
      failures.append(.truncated(offset: offset))
    } else if try archive.read(offset..<archive.length).contains(where: { $0 != 0 }) {
      failures.append(.padding(offset: offset))
    }
  }

  subscript(path: String) -> Member? { positions[path].map { members[$0] } }
}
