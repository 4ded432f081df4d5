import CanonicalJSON

/// Attestation documents of a Nitro enclave from its security module (the Nitro Secure Module API: requests and responses are CBOR
/// maps with one entry, the name of the request).
struct NitroGuest: Sendable {
  /// The longest user data, nonce or public key, in bytes.
  static let maxFieldBytes = 1024

  let module: any SecureModule

  init(module: any SecureModule = SecureModuleDevice()) { self.module = module }

  /// An attestation document (COSE_Sign1) with a nonce in it.
  func document(nonce: [UInt8], publicKey: [UInt8]? = nil, userData: [UInt8]? = nil) throws(GuestFailure) -> [UInt8] {
    let request = try Self.request(nonce: nonce, publicKey: publicKey, userData: userData)
    return try Self.document(in: try module.answer(to: request))
  }

  /// `{"Attestation": {"user_data": ..., "nonce": ..., "public_key": ...}}`: byte strings, or null where there is none.
  static func request(nonce: [UInt8], publicKey: [UInt8]?, userData: [UInt8]?) throws(GuestFailure) -> [UInt8] {
    let fields = [("user_data", userData), ("nonce", Optional(nonce)), ("public_key", publicKey)]
    var request = [0xA1] + text("Attestation") + [0xA0 | UInt8(fields.count)]
    for (name, value) in fields {
      if let value, !(1...maxFieldBytes).contains(value.count) {
        throw .field(FieldError(field: name, expected: "1 to \(maxFieldBytes) bytes", actual: "\(value.count) bytes"))
      }
      request += text(name) + (value.map { head(0x40, $0.count) + $0 } ?? [0xF6])
    }
    return request
  }

  /// The document in `{"Attestation": {"document": ...}}`; the word in `{"Error": ...}` as a failure.
  static func document(in response: [UInt8]) throws(GuestFailure) -> [UInt8] {
    let error = [0xA1] + text("Error")
    if response.starts(with: error), let word = word(in: response[error.count...]) { throw .nitro(word) }
    let start = [0xA1] + text("Attestation") + [0xA1] + text("document")
    guard response.starts(with: start), let document = bytes(in: response[start.count...]) else {
      throw .field(
        FieldError(
          field: "response", expected: "an attestation document", actual: "\(response.count) bytes of something else"))
    }
    return document
  }

  private static func text(_ text: String) -> [UInt8] { head(0x60, text.utf8.count) + Array(text.utf8) }

  /// The head of a string (RFC 8949, section 3), up to 65535 bytes.
  private static func head(_ major: UInt8, _ count: Int) -> [UInt8] {
    switch count {
    case ..<24: [major | UInt8(count)]
    case ..<256: [major | 24, UInt8(count)]
    default: [major | 25, UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)]
    }
  }

  /// A byte string and nothing after it.
  private static func bytes(in slice: ArraySlice<UInt8>) -> [UInt8]? { string(0x40, in: slice).map { [UInt8]($0) } }

  private static func word(in slice: ArraySlice<UInt8>) -> String? {
    guard let bytes = string(0x60, in: slice), bytes.count <= 64,
      bytes.allSatisfy({ (0x21...0x7E).contains($0) })
    else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func string(_ major: UInt8, in slice: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard let first = slice.first, first & 0xE0 == major else { return nil }
    let width: Int
    switch first & 0x1F {
    case 0..<24: width = 0
    case 24: width = 1
    case 25: width = 2
    case 26: width = 4
    default: return nil
    }
    let head = slice.dropFirst().prefix(width)
    guard head.count == width else { return nil }
    let count = width == 0 ? Int(first & 0x1F) : head.reduce(0) { $0 << 8 | Int($1) }
    let content = slice.dropFirst(1 + width)
    return content.count == count ? content : nil
  }
}
