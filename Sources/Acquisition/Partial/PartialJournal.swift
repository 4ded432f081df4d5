import Cryptography

/// What is known of the bytes of an unfinished acquisition: which ranges of which file have reached the disk. Pure: text in,
/// text out.
///
/// The journal is a hint and never evidence. On resume it says only which ranges need not be asked for again; every byte,
/// whoever wrote it, goes through the hash in order before the model is installed, and those of an earlier run are read back
/// from the disk for that. A forged or stale journal can therefore waste time, and nothing else. A state of the hash is not
/// kept: it would let bytes that changed since on the disk pass unread.
///
/// One record is one line with its own check, so a line that a crash tore ends the journal and spoils nothing before it:
///
///     safebox-partial 1 <manifest digest>
///     held <file> <from> <to> <check>
///     dropped <file> <check>
public struct PartialJournal: Sendable, Hashable {
  /// Longest journal that is read, in bytes; a longer one counts as absent.
  public static let maxBytes = 4 << 20

  public let manifest: SHA256Digest
  /// By index in the manifest's list of files.
  public private(set) var held: [Int: ByteRanges] = [:]

  /// Nothing is here.
  public init(manifest: SHA256Digest) { self.manifest = manifest }

  /// Reads a journal up to the first line that is not whole; another manifest's, or none at all, is an empty one.
  public init(manifest: SHA256Digest, text: [UInt8]) {
    self.init(manifest: manifest)
    guard text.count <= Self.maxBytes else { return }
    var lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)[...]
    // What follows the last line end is torn, or nothing.
    lines = lines.dropLast()
    guard let first = lines.popFirst(), Array(first) == Array(header.utf8.dropLast()) else { return }
    for line in lines {
      guard let record = Record(line: String(decoding: line, as: UTF8.self), manifest: manifest) else { return }
      apply(record)
    }
  }

  /// The first line of a new journal.
  public var header: String { "safebox-partial 1 \(manifest.hex)\n" }

  /// One thing that happened.
  public enum Record: Sendable, Hashable {
    case held(file: Int, Range<Int>)
    case dropped(file: Int)

    private var words: String {
      switch self {
      case .held(let file, let range): "held \(file) \(range.lowerBound) \(range.upperBound)"
      case .dropped(let file): "dropped \(file)"
      }
    }

    /// The line, with its end.
    func line(manifest: SHA256Digest) -> String { "\(words) \(Self.check(words, manifest))\n" }

    init?(line: String, manifest: SHA256Digest) {
      let words = line.split(separator: " ", omittingEmptySubsequences: false)
      guard let file = words.dropFirst().first.flatMap({ Int($0) }), file >= 0 else { return nil }
      switch (words[0], words.count) {
      case ("held", 5):
        guard let from = Int(words[2]), let to = Int(words[3]), 0 <= from, from < to else { return nil }
        self = .held(file: file, from..<to)
      case ("dropped", 3): self = .dropped(file: file)
      default: return nil
      }
      // Rewritten, it must be the same line: one form for each record.
      guard self.line(manifest: manifest) == line + "\n" else { return nil }
    }

    private static func check(_ words: String, _ manifest: SHA256Digest) -> String {
      var hash = SHA256()
      hash.update(manifest)
      hash.update(utf8: words)
      return String(hash.finalize().hex.prefix(16))
    }
  }

  /// Takes a record in.
  public mutating func apply(_ record: Record) {
    switch record {
    case .held(let file, let range): held[file, default: ByteRanges()].insert(range)
    case .dropped(let file): held[file] = nil
    }
  }
}
