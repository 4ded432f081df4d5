/// A POSIX ustar archive of plain files (IEEE Std 1003.1, pax, "ustar Interchange Format"), written the same way every
/// time: mode 0644, owner 0, time 0, order as given. The reader accepts only what the writer writes, so that one set of
/// files has one archive and nothing can hide in a header that nobody reads.
public enum TarArchive {
  /// One file.
  public struct File: Sendable, Hashable {
    /// Relative path of 1-100 characters `A-Z a-z 0-9 . _ - /`.
    public var path: String
    public var bytes: [UInt8]

    public init(path: String, bytes: [UInt8]) {
      self.path = path
      self.bytes = bytes
    }
  }

  public enum Failure: Error, Hashable, CustomStringConvertible {
    case path(String)
    case truncated(offset: Int)
    case header(offset: Int, field: String)
    case padding(offset: Int)
    case duplicate(String)
    case tooManyFiles(limit: Int)

    public var description: String {
      switch self {
      case .path(let path): "archive: \(path.debugDescription) is not a path that an archive may hold"
      case .truncated(let offset): "archive: it ends within the file that begins at byte \(offset)"
      case .header(let offset, let field): "archive: the header at byte \(offset) has another \(field) than is written"
      case .padding(let offset): "archive: bytes other than zero at byte \(offset), where nothing belongs"
      case .duplicate(let path): "archive: it holds \(path) twice"
      case .tooManyFiles(let limit): "archive: more than \(limit) files"
      }
    }
  }

  static let blockSize = 512
  /// Most files that are read.
  public static let maxFiles = 1 << 20

  /// The header of a file of `size` bytes.
  static func header(path: String, size: Int) throws(Failure) -> [UInt8] {
    guard isValid(path), size < 1 << 33 else { throw .path(path) }
    var header = [UInt8](repeating: 0, count: blockSize)
    func put(_ text: String, at offset: Int) {
      header.replaceSubrange(offset..<(offset + text.utf8.count), with: text.utf8)
    }
    put(path, at: 0)
    put("0000644", at: 100)
    put("0000000", at: 108)
    put("0000000", at: 116)
    put(octal(size, digits: 11), at: 124)
    put("00000000000", at: 136)
    put("        ", at: 148)
    put("0", at: 156)
    put("ustar", at: 257)
    put("00", at: 263)
    let sum = header.reduce(0) { $0 + Int($1) }
    put(octal(sum, digits: 6), at: 148)
    header[154] = 0
    header[155] = 32
    return header
  }

  /// How many zero bytes follow the contents of a file.
  static func padding(after size: Int) -> Int { (blockSize - size % blockSize) % blockSize }

  /// The header and padded contents of one file.
  public static func encode(_ file: File) throws(Failure) -> [UInt8] {
    try header(path: file.path, size: file.bytes.count) + file.bytes
      + [UInt8](repeating: 0, count: padding(after: file.bytes.count))
  }

  /// What ends an archive.
  public static let end = [UInt8](repeating: 0, count: 2 * blockSize)

  /// The whole archive.
  public static func encode(_ files: [File]) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    for file in files { bytes += try encode(file) }
    return bytes + end
  }

  /// Reads an archive; every byte is accounted for.
  public static func decode(_ bytes: [UInt8]) throws(Failure) -> [File] {
    var files: [File] = []
    var paths: Set<String> = []
    var offset = 0
    while true {
      guard offset + blockSize <= bytes.count else { throw .truncated(offset: offset) }
      if bytes[offset] == 0 { break }
      guard files.count < maxFiles else { throw .tooManyFiles(limit: maxFiles) }
      let name = bytes[offset..<(offset + 100)].prefix { $0 != 0 }
      let path = String(decoding: name, as: UTF8.self)
      guard isValid(path) else { throw .path(path) }
      let sizeText = bytes[(offset + 124)..<(offset + 135)]
      guard sizeText.allSatisfy({ (48...55).contains($0) }) else { throw .header(offset: offset, field: "size") }
      let size = sizeText.reduce(0) { $0 * 8 + Int($1 - 48) }
      let start = offset + blockSize
      guard size <= bytes.count - start else { throw .truncated(offset: offset) }
      let file = File(path: path, bytes: Array(bytes[start..<(start + size)]))
      let encoded = try encode(file)
      guard start - offset + encoded.count - blockSize <= bytes.count - offset else {
        throw .truncated(offset: offset)
      }
      guard bytes[offset..<(offset + encoded.count)].elementsEqual(encoded) else {
        throw .header(offset: offset, field: "mode, owner, time, checksum or padding")
      }
      guard paths.insert(path).inserted else { throw .duplicate(path) }
      files.append(file)
      offset += encoded.count
    }
    guard bytes.count - offset == end.count else { throw .truncated(offset: offset) }
    if let stray = bytes[offset...].firstIndex(where: { $0 != 0 }) { throw .padding(offset: stray) }
    return files
  }

  static func isValid(_ path: String) -> Bool {
    let segments = path.split(separator: "/", omittingEmptySubsequences: false)
    return path.utf8.count <= 100
      && segments.allSatisfy { segment in
        !segment.isEmpty && segment != "." && segment != ".."
          && segment.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || "._-".utf8.contains($0)
          }
      }
  }

  private static func octal(_ value: Int, digits: Int) -> String {
    let text = String(value, radix: 8)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
