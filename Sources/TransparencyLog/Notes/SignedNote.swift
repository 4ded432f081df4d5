/// A text with signatures, not yet verified (C2SP signed-note).
///
/// Limits: 1,000,000 octets, 100 signature lines.
public struct SignedNote: Sendable, Hashable, CustomStringConvertible {
  public static let maximumLength = 1_000_000
  public static let maximumSignatures = 100

  /// What is signed, the final line feed included. UTF-8.
  public let textBytes: [UInt8]
  /// Known and unknown signers alike, in order.
  public private(set) var signatures: [NoteSignature]

  /// A note of the given text. Signatures are not checked here.
  public init(textBytes: [UInt8], signatures: [NoteSignature]) throws(NoteError) {
    guard textBytes.last == UInt8(ascii: "\n") else { throw .invalidText }
    do { try Self.checkOctets(textBytes) } catch { throw .invalidText }
    guard signatures.count <= Self.maximumSignatures else {
      throw .tooManySignatures(count: signatures.count, limit: Self.maximumSignatures)
    }
    self.textBytes = textBytes
    self.signatures = signatures
  }

  /// Reads a whole note. Text and signatures part at the last blank line.
  public init(parsing bytes: [UInt8]) throws(NoteError) {
    guard bytes.count <= Self.maximumLength else { throw .tooLong(bytes: bytes.count, limit: Self.maximumLength) }
    try Self.checkOctets(bytes)
    guard bytes.last == UInt8(ascii: "\n") else { throw .missingFinalNewline }
    guard let blank = bytes.indices.dropFirst().last(where: { bytes[$0] == 0x0A && bytes[$0 - 1] == 0x0A }),
      blank + 1 < bytes.count
    else { throw .noSignatures }
    textBytes = Array(bytes[..<blank])
    signatures = try Self.parseSignatureLines(bytes[(blank + 1)...])
  }

  /// Reads signature lines without a text, as a witness answers (C2SP tlog-witness). Each ends in a line feed.
  public static func parseSignatureLines(_ bytes: ArraySlice<UInt8>) throws(NoteError) -> [NoteSignature] {
    guard bytes.count <= maximumLength else { throw .tooLong(bytes: bytes.count, limit: maximumLength) }
    guard bytes.last == UInt8(ascii: "\n") else { throw .missingFinalNewline }
    let count = bytes.reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
    guard count <= maximumSignatures else { throw .tooManySignatures(count: count, limit: maximumSignatures) }
    var scanner = LineScanner(bytes)
    var signatures: [NoteSignature] = []
    while let line = scanner.next() {
      guard let text = String(validating: line, as: UTF8.self) else { throw .invalidUTF8 }
      signatures.append(try NoteSignature(parsing: text))
    }
    return signatures
  }

  /// The whole note as it is stored and sent.
  public var bytes: [UInt8] {
    var bytes = textBytes
    bytes.append(UInt8(ascii: "\n"))
    for signature in signatures {
      bytes.append(contentsOf: signature.line.utf8)
      bytes.append(UInt8(ascii: "\n"))
    }
    return bytes
  }

  /// The text, final line feed included.
  public var text: String { String(decoding: textBytes, as: UTF8.self) }

  public var description: String { String(decoding: bytes, as: UTF8.self) }

  /// Adds a signature; not checked here. A line that is already there is not repeated.
  public mutating func add(_ signature: NoteSignature) throws(NoteError) {
    guard !signatures.contains(signature) else { return }
    guard signatures.count < Self.maximumSignatures else {
      throw .tooManySignatures(count: signatures.count + 1, limit: Self.maximumSignatures)
    }
    signatures.append(signature)
  }

  /// Checks every signature that bears the name and ID of a known key.
  ///
  /// Lines of strangers are ignored, even if they share name or ID with a known key; so are lines of keys that cannot be
  /// verified here. One bad signature of a known key refuses the note: somebody tampered with it. A repeated signer
  /// counts once.
  ///
  /// - Throws: `.unverified` when no line is from a known key, `.invalidSignature`, `.ambiguousKeys`.
  public func verified(by keys: [VerifierKey]) throws(NoteError) -> VerifiedNote {
    var found: [VerifiedSignature] = []
    for signature in signatures {
      let matches = keys.filter { $0.canVerify && signature.claims($0) }
      guard let key = matches.first else { continue }
      // The same key listed twice is no harm; two keys under one name and ID are.
      guard matches.allSatisfy({ $0 == key }) else { throw .ambiguousKeys(name: signature.name) }
      guard key.isValid(signature.signature, for: textBytes) else { throw .invalidSignature(name: signature.name) }
      guard !found.contains(where: { $0.key == key }) else { continue }
      found.append(VerifiedSignature(key: key, signature: signature))
    }
    guard !found.isEmpty else { throw .unverified }
    return VerifiedNote(note: self, signatures: found)
  }

  private static func checkOctets(_ bytes: [UInt8]) throws(NoteError) {
    if let control = bytes.first(where: { $0 < 0x20 && $0 != UInt8(ascii: "\n") }) {
      throw .controlCharacter(control)
    }
    guard String(validating: bytes, as: UTF8.self) != nil else { throw .invalidUTF8 }
  }
}

/// A note of which at least one signature was verified. Only verification makes one.
public struct VerifiedNote: Sendable, Hashable {
  public let note: SignedNote
  /// One for each key that signed, in the order of the lines; never empty.
  public let signatures: [VerifiedSignature]
}

/// A signature that was checked, with the key that made it.
public struct VerifiedSignature: Sendable, Hashable {
  public let key: VerifierKey
  public let signature: NoteSignature

  /// When a cosigner says that it saw the checkpoint, in seconds since 1970; nil for signatures without time.
  public var timestamp: UInt64? {
    key.algorithm == .cosignatureV1 ? Cosigner.split(signature.signature)?.time : nil
  }
}
