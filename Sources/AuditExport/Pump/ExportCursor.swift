import CanonicalJSON
import Cryptography
import Storage

/// How far an export has come, on disk: written after the acknowledgement, so a crash between the two sends a batch twice
/// and never leaves one out.
struct ExportCursor: Sendable, Hashable {
  /// Index of the first entry that is not acknowledged.
  var next: UInt64
  /// Leaf hash of the entry before; nil at the beginning.
  var leaf: SHA256Digest?

  static let start = ExportCursor(next: 0, leaf: nil)
  private static let maxBytes = 4096

  /// The cursor of a file, or nil when there is no file.
  static func load(_ path: String, box: String) throws(ExportFault) -> ExportCursor? {
    do {
      guard let bytes = try WholeFile.read(path, limit: maxBytes) else { return nil }
      let json = try JSON(parsing: bytes, limits: .document(maxBytes: maxBytes))
      var reader = try ObjectReader(json)
      _ = try reader.integer("version", in: 1...1)
      let owner = try reader.string("box")
      let next = try reader.integer("next", in: 0...JSON.maxSafeInteger)
      let text = try reader.optionalString("leaf", maxBytes: 64)
      try reader.finish()
      guard owner == box else { throw ExportFault.cursor("\(path) is of the box \(owner), this is \(box)") }
      let leaf = text.flatMap { SHA256Digest(hex: $0) }
      guard (next == 0) == (leaf == nil), (text == nil) == (leaf == nil) else {
        throw ExportFault.cursor("\(path): a leaf hash exactly where entries were sent is expected")
      }
      return ExportCursor(next: UInt64(next), leaf: leaf)
    } catch let fault as ExportFault {
      throw fault
    } catch {
      // Beginning again at 0 would be safe, but a damaged disk is something that somebody should know of.
      throw .cursor("\(path): \(error)")
    }
  }

  /// Puts it on disk in one step: a power cut leaves the old place or the new.
  func save(_ path: String, box: String) throws(ExportFault) {
    var object: JSONObject = ["version": 1, "box": .string(box), "next": .integer(Int64(clamping: next))]
    object["leaf"] = leaf.map { .string($0.hex) }
    do {
      try WholeFile.replace(path, with: JSON.object(object).canonicalBytes() + [0x0A], mode: 0o600)
    } catch {
      throw .file("\(error)")
    }
  }

  /// Holds it against the log: one that does not fit is of another log, or the log was rolled back, and to go on would
  /// leave entries out.
  func check(against source: any EntrySource) throws(ExportFault) {
    guard next > 0 else { return }
    do {
      let size = try source.size()
      guard next <= size else {
        throw ExportFault.cursor("entry \(next - 1) was sent, the log has \(size) entries")
      }
      guard let last = try source.entries(in: next - 1..<next).first, last.leafHash == leaf else {
        throw ExportFault.cursor("entry \(next - 1) is another one than was sent")
      }
    } catch let fault as ExportFault {
      throw fault
    } catch {
      throw .source("\(error)")
    }
  }
}
