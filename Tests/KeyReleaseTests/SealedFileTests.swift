import CanonicalJSON
import Cryptography
import Testing

@testable import KeyRelease

/// Sealed files: back byte for byte, and not at all when a byte, a chunk or an end is another.
@Suite struct SealedFileTests {
  private static let whole = SealedFile.chunkBytes + SealedFile.tagBytes

  private static func seal(_ content: [UInt8], _ key: SecretBytes, pieces: Int = 10_000) throws -> [UInt8] {
    var sealer = try FileSealer(key: key, header: SealedFile.Header(key: "disk"))
    var output = sealer.header.bytes
    var rest = content[...]
    while !rest.isEmpty {
      output += try sealer.update(rest.prefix(pieces))
      rest = rest.dropFirst(pieces)
    }
    return output + (try sealer.finish())
  }

  private static func open(_ sealed: [UInt8], _ key: SecretBytes, pieces: Int = 9_999) throws -> [UInt8] {
    let (header, count) = try SealedFile.Header.read(sealed)
    var unsealer = try FileUnsealer(key: key, header: header)
    var output: [UInt8] = []
    var rest = sealed[count...]
    while !rest.isEmpty {
      output += try unsealer.update(rest.prefix(pieces))
      rest = rest.dropFirst(pieces)
    }
    return output + (try unsealer.finish())
  }

  private static func chunks(_ sealed: [UInt8]) throws -> (head: [UInt8], chunks: [[UInt8]]) {
    let count = try SealedFile.Header.read(sealed).count
    var chunks: [[UInt8]] = []
    var rest = sealed[count...]
    while !rest.isEmpty {
      chunks.append(Array(rest.prefix(whole)))
      rest = rest.dropFirst(whole)
    }
    return (Array(sealed.prefix(count)), chunks)
  }

  @Test(arguments: [0, 1, 15, 65_535, 65_536, 65_537, 131_072, 200_001])
  func aFileComesBackByteForByte(_ count: Int) throws {
    let key = SecretBytes.random(count: 32)
    let content = SecureRandom.bytes(count)
    for pieces in [777, 65_536, 1 << 20] {
      let sealed = try Self.seal(content, key, pieces: pieces)
      #expect(try Self.open(sealed, key, pieces: pieces + 1) == content)
    }
    #expect(try SealedFile.Header.read(try Self.seal(content, key)).header.key == "disk")
  }

  @Test func chunksInAnotherPlaceAreRefused() throws {
    let key = SecretBytes.random(count: 32)
    let sealed = try Self.seal(SecureRandom.bytes(4 * SealedFile.chunkBytes + 5), key)
    let (head, chunks) = try Self.chunks(sealed)
    #expect(chunks.count == 5)
    func refused(_ chunks: [[UInt8]], _ fault: SealedFile.Fault) {
      #expect(throws: fault) { try Self.open(head + chunks.flatMap(\.self), key) }
    }
    refused([chunks[1], chunks[0]] + chunks[2...], .doesNotOpen(chunk: 0))
    refused([chunks[0], chunks[0]] + chunks[2...], .doesNotOpen(chunk: 1))
    refused([chunks[0]] + chunks[2...], .doesNotOpen(chunk: 1))
    // Another file of the same key: its chunks are none of this one.
    let other = try Self.chunks(try Self.seal(SecureRandom.bytes(4 * SealedFile.chunkBytes + 5), key)).chunks
    refused([chunks[0], other[1]] + chunks[2...], .doesNotOpen(chunk: 1))
    refused(other, .doesNotOpen(chunk: 0))
  }

  @Test func aFileThatWasCutOffOrContinuedIsRefused() throws {
    let key = SecretBytes.random(count: 32)
    let content = SecureRandom.bytes(2 * SealedFile.chunkBytes)
    let sealed = try Self.seal(content, key)
    let (head, chunks) = try Self.chunks(sealed)
    #expect(chunks.count == 2)
    #expect(throws: SealedFile.Fault.truncated) { try Self.open(head + chunks[0], key) }
    #expect(throws: SealedFile.Fault.truncated) { try Self.open(head, key) }
    #expect(throws: SealedFile.Fault.self) { try Self.open(Array(sealed.dropLast()), key) }
    #expect(throws: SealedFile.Fault.trailing) { try Self.open(sealed + chunks[1], key) }
    #expect(throws: SealedFile.Fault.trailing) { try Self.open(sealed + [0], key) }
    #expect(throws: SealedFile.Fault.self) { try Self.open(sealed + sealed, key) }
  }

  @Test func everyChangedByteIsRefused() throws {
    let key = SecretBytes.random(count: 32)
    let sealed = try Self.seal(Array("the content".utf8), key)
    for index in sealed.indices {
      var changed = sealed
      changed[index] ^= 1
      #expect(throws: SealedFile.Fault.self, "byte \(index)") { try Self.open(changed, key) }
    }
    #expect(throws: SealedFile.Fault.doesNotOpen(chunk: 0)) { try Self.open(sealed, .random(count: 32)) }
  }

  @Test func thereIsOneSpelling() throws {
    let key = SecretBytes.random(count: 32)
    // A full last chunk and then an empty one would say the same as the full one alone.
    let header = SealedFile.Header(key: "disk")
    let fileKey = try header.fileKey(below: key)
    func chunk(_ content: [UInt8], _ number: UInt64, isLast: Bool) throws -> [UInt8] {
      let nonce = SealedFile.nonce(number, isLast: isLast)
      return Array(try AESGCM.seal(content, key: fileKey, iv: nonce, aad: []).dropFirst(12))
    }
    let full = [UInt8](repeating: 7, count: SealedFile.chunkBytes)
    let twice = header.bytes + (try chunk(full, 0, isLast: false)) + (try chunk([], 1, isLast: true))
    #expect(throws: SealedFile.Fault.self) { try Self.open(twice, key) }
    #expect(try Self.open(header.bytes + (try chunk(full, 0, isLast: true)), key) == full)
    guard case .object(let members) = try JSON(parsing: header.line, limits: .document(maxBytes: 512)) else { return }
    for (name, value) in [
      ("further", 1), ("key", "Not a name"), ("key", ""), ("salt", "00"), ("chunk", 65_537),
    ] as [(String, JSON)] {
      var other = members
      other[name] = value
      let bytes = SealedFile.magic + JSON.object(other).canonicalBytes() + [10]
      #expect(throws: SealedFile.Fault.self, "\(name) \(value)") { try SealedFile.Header.read(bytes) }
    }
    var spaced = header.bytes
    spaced.insert(0x20, at: SealedFile.magic.count + 1)
    #expect(throws: SealedFile.Fault.self) { try SealedFile.Header.read(spaced) }
  }
}
