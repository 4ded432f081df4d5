import CanonicalJSON

/// One JSON object a line: `{"box":…,"entry":…,"index":…,"leaf":…}`.
///
/// The entry stands in the line byte for byte as it was hashed, because an entry is canonical JSON already. So SHA-256 of a
/// zero byte and those bytes is `leaf`, and the whole line is canonical JSON (RFC 8785) too.
public enum JSONLines {
  /// The event as one line, line feed included.
  public static func line(_ event: AuditEvent) -> [UInt8] {
    var line = Array("{\"box\":".utf8) + JSON.string(event.box).canonicalBytes()
    line += Array(",\"entry\":".utf8) + event.bytes
    line += Array(",\"index\":\(event.index),\"leaf\":\"\(event.leafHash.hex)\"}\n".utf8)
    return line
  }

  /// The line that goes before a batch where the batch must stand on its own: which entries follow, and the signed
  /// checkpoint that covers them.
  public static func heading(box: String, first: UInt64, last: UInt64, checkpoint: [UInt8]) -> [UInt8] {
    var line = Array("{\"box\":".utf8) + JSON.string(box).canonicalBytes()
    line += Array(",\"checkpoint\":".utf8)
    line += JSON.string(String(decoding: checkpoint, as: UTF8.self)).canonicalBytes()
    line += Array(",\"first\":\(first),\"format\":\"safebox-export/v1\",\"last\":\(last)}\n".utf8)
    return line
  }
}
