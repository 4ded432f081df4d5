import CanonicalJSON
import Glibc
import Storage
import Terminal

/// What commands read and write besides the box.
enum Files {
  static let maxBytes = 64 << 20

  /// The bytes of a file, or of standard input for `-`.
  static func read(_ path: String, limit: Int = maxBytes) throws -> [UInt8] {
    if path == "-" { return try standardInput(limit: limit) }
    guard let bytes = try WholeFile.read(path, limit: limit) else {
      throw CommandError("there is no file \(path)")
    }
    return bytes
  }

  /// The first bytes of a file, at most `count`.
  static func beginning(of path: String, count: Int) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CommandError("\(path): \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: count)
    let read = pread(descriptor, &bytes, count, 0)
    guard read >= 0 else { throw CommandError("\(path): \(String(cString: strerror(errno)))") }
    return Array(bytes.prefix(read))
  }

  /// A JSON file; the error names it.
  static func json(_ path: String) throws -> JSON {
    let bytes = try read(path)
    do {
      return try JSON(parsing: bytes, limits: .document(maxBytes: maxBytes))
    } catch {
      throw CommandError("\(path): \(error)")
    }
  }

  /// Refuses a path where something is already.
  static func demandAbsent(_ path: String) throws {
    guard !WholeFile.exists(path) else { throw CommandError("\(path) exists", hints: ["move it away first"]) }
  }

  /// JSON given as text, as a file, or as `-`.
  static func json(textOrFile text: String) throws -> JSON {
    guard text.hasPrefix("{") || text.hasPrefix("[") else { return try json(text) }
    do {
      return try JSON(parsing: Array(text.utf8), limits: .document(maxBytes: maxBytes))
    } catch {
      throw CommandError("the JSON on the command line: \(error)", exitCode: .usage)
    }
  }

  /// Any JSON given as text, as a file that exists, or as `-`.
  static func value(textOrFile text: String) throws -> JSON {
    if text == "-" || WholeFile.exists(text) { return try json(text) }
    do {
      return try JSON(parsing: Array(text.utf8), limits: .document(maxBytes: maxBytes))
    } catch {
      throw CommandError(
        "\"\(text)\" is neither a file nor JSON: \(error)", hints: ["a text is written \"like this\", in quotes"],
        exitCode: .usage)
    }
  }

  /// Writes a file that must not exist, or standard output for `nil` and `-`.
  static func write(_ bytes: [UInt8], to path: String?, mode: UInt32 = 0o644, replacing: Bool = true) throws {
    guard let path, path != "-" else { return Terminal.standard.write(String(decoding: bytes, as: UTF8.self)) }
    do {
      if replacing {
        try WholeFile.replace(path, with: bytes, mode: mode)
      } else {
        try WholeFile.create(path, with: bytes, mode: mode)
      }
    } catch let error {
      if error.errno == EEXIST { try demandAbsent(path) }
      throw CommandError("\(path) cannot be written: \(error)")
    }
  }

  private static func standardInput(limit: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = Glibc.read(0, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw CommandError("standard input cannot be read") }
      if count == 0 { return bytes }
      bytes.append(contentsOf: buffer[..<count])
      guard bytes.count <= limit else { throw CommandError("standard input has more than \(limit) bytes") }
    }
  }
}
