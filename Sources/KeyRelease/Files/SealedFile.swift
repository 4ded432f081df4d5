import CanonicalJSON
import Cryptography
import Governance

/// A file sealed under a released key, in chunks: what is changed, exchanged, left out, cut off or put behind is refused, and
/// no byte of a chunk comes out before the chunk was checked.
///
///     "safebox-sealed/v1" || LF || header (canonical JSON, one line) || LF || chunks
///     header = {"key": name of the released key, "salt": 32 random bytes in hexadecimal, "chunk": 65536}
///     file key = HKDF-SHA256(released key, salt, info = "safebox/sealed-file/v1" || 0 || SHA-256(header line), 32)
///     chunk i = AES-256-GCM(file key, nonce = i in 11 bytes, big-endian || (1 for the last chunk, else 0)),
///               ciphertext || tag
///
/// The salt makes every file's key another one, so that the counted nonces never repeat and a chunk of one file is none of
/// another's.
public enum SealedFile {
  public static let magic = Array("safebox-sealed/v1\n".utf8)
  /// Bytes of content in a chunk; the last has 0 to as many, and is empty only in an empty file.
  public static let chunkBytes = 65_536
  public static let tagBytes = 16
  static let maxHeaderBytes = 512
  static let saltBytes = 32

  /// Why a file does not open.
  public enum Fault: Error, Sendable, Hashable, CustomStringConvertible {
    /// Not such a file, or a header that says something else than this program reads.
    case notSealed(String)
    /// Sealed under another key, changed, or not the chunk of this place in this file.
    case doesNotOpen(chunk: UInt64)
    /// It ends before its last chunk.
    case truncated
    /// Something follows the last chunk.
    case trailing
    /// More chunks than a nonce counts here: 2^48.
    case tooLong
    case cryptography(CryptographyError)

    public var description: String {
      switch self {
      case .notSealed(let why): "not a sealed file: \(why)"
      case .doesNotOpen(let chunk): "chunk \(chunk) does not open: another key, a changed file, or another file's chunk"
      case .truncated: "the sealed file was cut off"
      case .trailing: "something was put behind the sealed file"
      case .tooLong: "the file has too many chunks"
      case .cryptography(let error): "\(error)"
      }
    }
  }

  /// What stands before the chunks.
  public struct Header: Sendable, Hashable {
    /// The name of the released key, by which the right one is asked for. Authenticated by the file key.
    public let key: String
    let salt: [UInt8]

    public init(key: String) {
      self.init(key: key, salt: SecureRandom.bytes(saltBytes))
    }

    init(key: String, salt: [UInt8]) {
      self.key = key
      self.salt = salt
    }

    /// Reads the line after the magic, without its line end.
    init(line: [UInt8]) throws(Fault) {
      do {
        let json = try JSON(parsing: line, limits: .document(maxBytes: maxHeaderBytes))
        guard json.canonicalBytes() == line else { throw Fault.notSealed("the header is not canonical") }
        var reader = try ObjectReader(json)
        let name = try reader.string("key", maxBytes: 64)
        guard Name.isValid(name) else { throw Fault.notSealed("the header names no key") }
        let text = try reader.string("salt", maxBytes: 2 * saltBytes)
        guard let bytes = Hex.decode(text), bytes.count == saltBytes else { throw Fault.notSealed("the header's salt") }
        _ = try reader.integer("chunk", in: Int64(chunkBytes)...Int64(chunkBytes))
        try reader.finish()
        key = name
        salt = bytes
      } catch let fault as Fault {
        throw fault
      } catch {
        throw .notSealed("\(error)")
      }
    }

    var line: [UInt8] {
      JSON.object([
        "chunk": .integer(Int64(chunkBytes)), "key": .string(key), "salt": .string(Hex.encode(salt)),
      ]).canonicalBytes()
    }

    /// Magic and header as they stand in the file.
    public var bytes: [UInt8] { magic + line + [10] }

    func fileKey(below released: SecretBytes) throws(Fault) -> SecretBytes {
      do {
        return try HKDFSHA256.derive(
          from: released, salt: salt, info: Array("safebox/sealed-file/v1".utf8) + [0] + SHA256.hash(line).bytes,
          count: 32)
      } catch {
        throw .cryptography(error)
      }
    }

    /// Reads magic and header from the beginning of a file; `count` is how many bytes they take.
    public static func read(_ beginning: [UInt8]) throws(Fault) -> (header: Header, count: Int) {
      guard beginning.starts(with: magic) else { throw .notSealed("it begins with something else") }
      guard let end = beginning.dropFirst(magic.count).prefix(maxHeaderBytes + 1).firstIndex(of: 10) else {
        throw .notSealed("the header does not end")
      }
      return (try Header(line: Array(beginning[magic.count..<end])), end + 1)
    }
  }

  static func nonce(_ chunk: UInt64, isLast: Bool) -> [UInt8] {
    [0, 0, 0] + withUnsafeBytes(of: chunk.bigEndian, Array.init) + [isLast ? 1 : 0]
  }

  static let maxChunks: UInt64 = 1 << 48
}

/// Seals a file as its content arrives.
public struct FileSealer {
  private let key: SecretBytes
  private var pending: [UInt8] = []
  private var chunk: UInt64 = 0
  /// To be written first.
  public let header: SealedFile.Header

  public init(key released: SecretBytes, header: SealedFile.Header) throws(SealedFile.Fault) {
    self.header = header
    key = try header.fileKey(below: released)
  }

  /// Takes content and returns what can be written of it.
  public mutating func update(_ content: some Sequence<UInt8>) throws(SealedFile.Fault) -> [UInt8] {
    pending += content
    var output: [UInt8] = []
    // One byte more than a chunk must be there: only then is it certain that the chunk is not the last.
    while pending.count > SealedFile.chunkBytes {
      output += try seal(Array(pending.prefix(SealedFile.chunkBytes)), isLast: false)
      pending.removeFirst(SealedFile.chunkBytes)
    }
    return output
  }

  /// The last chunk.
  public mutating func finish() throws(SealedFile.Fault) -> [UInt8] {
    defer { pending = [] }
    return try seal(pending, isLast: true)
  }

  private mutating func seal(_ content: [UInt8], isLast: Bool) throws(SealedFile.Fault) -> [UInt8] {
    guard chunk < SealedFile.maxChunks else { throw .tooLong }
    defer { chunk += 1 }
    do {
      let sealed = try AESGCM.seal(content, key: key, iv: SealedFile.nonce(chunk, isLast: isLast), aad: [])
      return Array(sealed.dropFirst(12))
    } catch {
      throw .cryptography(error)
    }
  }
}

/// Opens a file as its bytes arrive. What `update` returned is genuine, but only when `finish` does not throw is it all.
public struct FileUnsealer {
  private let key: SecretBytes
  private var pending: [UInt8] = []
  private var chunk: UInt64 = 0

  public init(key released: SecretBytes, header: SealedFile.Header) throws(SealedFile.Fault) {
    key = try header.fileKey(below: released)
  }

  /// Takes bytes that follow the header and returns the content of all whole chunks that are not the last.
  public mutating func update(_ bytes: some Sequence<UInt8>) throws(SealedFile.Fault) -> [UInt8] {
    pending += bytes
    var output: [UInt8] = []
    let whole = SealedFile.chunkBytes + SealedFile.tagBytes
    while pending.count > whole {
      output += try open(Array(pending.prefix(whole)), isLast: false)
      pending.removeFirst(whole)
    }
    return output
  }

  /// The content of the last chunk.
  public mutating func finish() throws(SealedFile.Fault) -> [UInt8] {
    defer { pending = [] }
    guard pending.count >= SealedFile.tagBytes else { throw .truncated }
    do throws(SealedFile.Fault) {
      // A whole file never ends in an empty chunk, except when it is empty: that would be a second spelling of it.
      let content = try open(pending, isLast: true)
      guard !content.isEmpty || chunk == 1 else { throw .notSealed("an empty last chunk") }
      return content
    } catch {
      // A chunk of the middle at the end: the file was cut off there.
      guard case .doesNotOpen = error, pending.count == SealedFile.chunkBytes + SealedFile.tagBytes else { throw error }
      throw opens(pending, isLast: false) ? .truncated : error
    }
  }

  private func opens(_ sealed: [UInt8], isLast: Bool) -> Bool {
    (try? AESGCM.open(SealedFile.nonce(chunk - 1, isLast: isLast) + sealed, key: key, aad: [])) != nil
  }

  private mutating func open(_ sealed: [UInt8], isLast: Bool) throws(SealedFile.Fault) -> [UInt8] {
    guard chunk < SealedFile.maxChunks else { throw .tooLong }
    let number = chunk
    chunk += 1
    do {
      return try AESGCM.open(SealedFile.nonce(number, isLast: isLast) + sealed, key: key, aad: [])
    } catch {
      // The last chunk of this file in its middle: something was put behind it.
      if !isLast, (try? AESGCM.open(SealedFile.nonce(number, isLast: true) + sealed, key: key, aad: [])) != nil {
        throw .trailing
      }
      throw .doesNotOpen(chunk: number)
    }
  }
}
