/// Textual encodings of keys and certificates (RFC 7468, strict: 64 characters per line, nothing around the blocks).
public enum PEM {
  /// One block.
  public static func encode(_ bytes: [UInt8], label: String) -> String {
    let text = Array(Base64.encode(bytes).utf8)
    var lines = ["-----BEGIN \(label)-----"]
    for start in stride(from: 0, to: text.count, by: 64) {
      lines.append(String(decoding: text[start..<min(start + 64, text.count)], as: UTF8.self))
    }
    lines.append("-----END \(label)-----")
    return lines.joined(separator: "\n") + "\n"
  }

  /// The bytes of exactly one block. Line ends may be LF or CRLF; text before or after the block is refused.
  public static func decode(_ text: String, label: String) throws(CryptographyError) -> [UInt8] {
    let blocks = try decodeAll(text, label: label)
    guard blocks.count == 1, let block = blocks.first else {
      throw .malformed("PEM", reason: "expected one \(label), found \(blocks.count)")
    }
    return block
  }

  /// The bytes of every block, all of one label, in order; blank lines may stand between them.
  public static func decodeAll(_ text: String, label: String) throws(CryptographyError) -> [[UInt8]] {
    var blocks: [[UInt8]] = []
    var body: [UInt8]?
    var endsShort = false
    for line in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) {
      let line = line.last == 0x0D ? line.dropLast() : line
      if var open = body {
        if line.elementsEqual("-----END \(label)-----".utf8) {
          guard let bytes = Base64.decode(String(decoding: open, as: UTF8.self)), !bytes.isEmpty else {
            throw .malformed("PEM", reason: "\(label) is not base64")
          }
          blocks.append(bytes)
          body = nil
        } else {
          // Only the last line may be short: other wrappings are refused, so that a block has one text.
          guard !endsShort, !line.isEmpty, line.count <= 64 else {
            throw .malformed("PEM", reason: "\(label) is not wrapped at 64 characters")
          }
          endsShort = line.count < 64
          body = nil
          open.append(contentsOf: line)
          body = open
        }
      } else if line.elementsEqual("-----BEGIN \(label)-----".utf8) {
        body = []
        endsShort = false
      } else if !line.isEmpty {
        throw .malformed("PEM", reason: "expected \(label)")
      }
    }
    guard body == nil else { throw .malformed("PEM", reason: "\(label) does not end") }
    return blocks
  }
}
