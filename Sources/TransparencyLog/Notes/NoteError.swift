/// Why a note is refused.
public enum NoteError: Error, Hashable, CustomStringConvertible {
  case tooLong(bytes: Int, limit: Int)
  case invalidUTF8
  /// A control character other than a line feed.
  case controlCharacter(UInt8)
  /// No blank line separates a text from at least one signature line.
  case noSignatures
  case missingFinalNewline
  case malformedSignatureLine
  /// The line names a signer but its base64 is not canonical or too short.
  case malformedSignature(name: String)
  case tooManySignatures(count: Int, limit: Int)
  /// Two of the given keys have the same name and key ID.
  case ambiguousKeys(name: String)
  /// A line bears the name and ID of a known key, whose signature it is not.
  case invalidSignature(name: String)
  /// No line is from a known key.
  case unverified
  /// The text cannot be a note's.
  case invalidText
  /// The key could not sign; the library's reason.
  case signingFailed(String)

  public var description: String {
    switch self {
    case .tooLong(let bytes, let limit): "the note has \(bytes) bytes, the limit is \(limit)"
    case .invalidUTF8: "the note is not UTF-8"
    case .controlCharacter(let octet): "the note has a control character (\(octet))"
    case .noSignatures: "the note has no signatures"
    case .missingFinalNewline: "the note does not end in a line feed"
    case .malformedSignatureLine: "a signature line is malformed"
    case .malformedSignature(let name): "the signature of \(name) is malformed"
    case .tooManySignatures(let count, let limit): "the note has \(count) signatures, the limit is \(limit)"
    case .ambiguousKeys(let name): "two known keys share name \(name) and key ID"
    case .invalidSignature(let name): "invalid signature of \(name)"
    case .unverified: "no signature is from a known key"
    case .invalidText: "a note text is valid UTF-8, without control characters, and ends in a line feed"
    case .signingFailed(let reason): "signing failed: \(reason)"
    }
  }
}
