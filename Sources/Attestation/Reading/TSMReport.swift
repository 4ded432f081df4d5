import CanonicalJSON

/// What Linux's configfs-tsm hands out, with the names of its files as members of a JSON object: the processor's report
/// (`outblob`) and what the host added (`auxblob`), in base64 or hexadecimal.
struct TSMReport {
  let report: [UInt8]
  /// nil where there is none.
  let auxiliary: [UInt8]?

  /// nil where the bytes are something else.
  init?(_ bytes: [UInt8]) {
    guard bytes.first == UInt8(ascii: "{"),
      let json = try? JSON(parsing: bytes, limits: .document(maxBytes: Evidence.maxBytes))
    else { return nil }
    self.init(json)
  }

  /// nil where the object is something else. Some tools write the names in capitals.
  init?(_ json: JSON) {
    func text(_ names: String...) -> String? { names.lazy.compactMap { json[$0]?.string }.first }
    guard let report = text("outblob", "OutBlob").flatMap({ EncodedText.decoded($0) }) else { return nil }
    self.report = report
    auxiliary = text("auxblob", "AuxBlob").flatMap { EncodedText.decoded($0) }
  }
}
