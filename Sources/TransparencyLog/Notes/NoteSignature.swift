import Cryptography

/// One signature line of a note: `— name base64(keyID || signature)` (C2SP signed-note).
public struct NoteSignature: Sendable, CustomStringConvertible {
  public let name: String
  public let keyID: UInt32
  /// The signature without the key ID; what it means depends on the key.
  public let signature: [UInt8]

  /// - Returns: nil when the name is not a key name or the signature is empty.
  public init?(name: String, keyID: UInt32, signature: [UInt8]) {
    guard KeyName.isValid(name), !signature.isEmpty else { return nil }
    self.init(checkedName: name, keyID: keyID, signature: signature)
  }

  init(checkedName name: String, keyID: UInt32, signature: [UInt8]) {
    self.name = name
    self.keyID = keyID
    self.signature = signature
  }

  /// Reads a line without its line feed.
  public init(parsing line: String) throws(NoteError) {
    let dash = "\u{2014} ".utf8
    guard line.utf8.starts(with: dash) else { throw .malformedSignatureLine }
    let fields = line.utf8.dropFirst(dash.count)
      .split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard fields.count == 2 else { throw .malformedSignatureLine }
    let name = String(Substring(fields[0]))
    guard KeyName.isValid(name) else { throw .malformedSignatureLine }
    // Five: a key ID and at least one octet of signature.
    guard let bytes = Base64.decode(String(Substring(fields[1]))), bytes.count >= 5 else {
      throw .malformedSignature(name: name)
    }
    self.init(
      checkedName: name, keyID: bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) }, signature: Array(bytes[4...]))
  }

  /// The line without its line feed.
  public var line: String { "\u{2014} \(name) \(Base64.encode(VerifierKey.bytes(of: keyID) + signature))" }

  public var description: String { line }

  /// Whether name and key ID are those of `key`. It says nothing about the signature.
  public func claims(_ key: VerifierKey) -> Bool { keyID == key.keyID && sameOctets(name, key.name) }
}

extension NoteSignature: Hashable {
  public static func == (a: NoteSignature, b: NoteSignature) -> Bool {
    a.keyID == b.keyID && sameOctets(a.name, b.name) && a.signature == b.signature
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(keyID)
    hasher.combine(signature)
  }
}
