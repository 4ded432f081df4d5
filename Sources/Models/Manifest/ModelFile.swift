import CanonicalJSON
import Cryptography

/// One file of a model: where it lies, what it is, and where it can be had.
public struct ModelFile: Sendable, Hashable {
  /// Greatest size: 200 GiB. Empty files cannot be listed.
  public static let maxBytes: Int64 = 200 << 30
  /// Most sources of one file.
  public static let maxSources = 16

  /// Path below the model's directory, as ``ModelPath`` allows it.
  public let path: String
  /// Exact size in bytes, 1 to ``maxBytes``.
  public let sizeBytes: Int64
  public let sha256: SHA256Digest
  /// Where it can be fetched from, in order of preference; 1 to ``maxSources``.
  public let sources: [ModelSource]

  public init(path: String, sizeBytes: Int64, sha256: SHA256Digest, sources: [ModelSource]) {
    self.path = path
    self.sizeBytes = sizeBytes
    self.sha256 = sha256
    self.sources = sources
  }

  init(_ json: JSON, at field: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: field)
    path = try reader.string("path", maxBytes: 4096)
    try ModelPath.check(path, at: reader.pathOf("path"))
    sizeBytes = try reader.integer("sizeBytes", in: 1...Self.maxBytes)
    sha256 = try reader.digest("sha256")
    let texts = try reader.array("sources", maxCount: Self.maxSources)
    guard !texts.isEmpty else {
      throw FieldError(
        field: reader.pathOf("sources"), expected: "1 to \(Self.maxSources) sources", actual: "an array of 0")
    }
    var sources: [ModelSource] = []
    for (index, text) in texts.enumerated() {
      let field = "\(reader.pathOf("sources"))[\(index)]"
      guard let text = text.string else { throw FieldError(field: field, expected: "a URL", actual: text.summary) }
      let source = try ModelSource(parsing: text, field: field)
      guard !sources.contains(source) else {
        throw FieldError(
          field: field, expected: "a source that is not listed before", actual: JSON.string(text).summary)
      }
      sources.append(source)
    }
    self.sources = sources
    try reader.finish()
  }

  var json: JSON {
    [
      "path": .string(path), "sizeBytes": .integer(sizeBytes), "sha256": .string(sha256.hex),
      "sources": .array(sources.map { .string($0.text) }),
    ]
  }
}

extension ObjectReader {
  /// A digest: 64 lower-case hexadecimal digits.
  mutating func digest(_ name: String) throws(FieldError) -> SHA256Digest {
    let text = try string(name, maxBytes: 256)
    guard let digest = SHA256Digest(hex: text) else {
      throw FieldError(
        field: pathOf(name), expected: "64 lower-case hexadecimal digits", actual: JSON.string(text).summary)
    }
    return digest
  }

  /// 1 to `maxBytes` bytes of text that shows on a screen as what it is: no control, formatting or unassigned characters.
  mutating func visibleText(_ name: String, maxBytes: Int) throws(FieldError) -> String {
    let text = try string(name, maxBytes: maxBytes)
    guard !text.isEmpty, text.unicodeScalars.allSatisfy(isVisible) else {
      throw FieldError(
        field: pathOf(name), expected: "1 to \(maxBytes) bytes of visible characters", actual: JSON.string(text).summary
      )
    }
    return text
  }

  /// 1 to `maxBytes` bytes of `allowed`.
  mutating func word(
    _ name: String, maxBytes: Int, of alphabet: String, _ allowed: (UInt8) -> Bool
  ) throws(FieldError) -> String {
    let text = try string(name, maxBytes: 4096)
    guard (1...maxBytes).contains(text.utf8.count), text.utf8.allSatisfy(allowed) else {
      throw FieldError(
        field: pathOf(name), expected: "1 to \(maxBytes) characters of \(alphabet)", actual: JSON.string(text).summary)
    }
    return text
  }

  // What approvers read must not turn their reading round or forge a line.
  private func isVisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: false
    default: true
    }
  }
}
