import CanonicalJSON
import Glibc

/// The voices that a speech model consists of: `{"default":"NAME","voices":{"NAME":"ESPEAK VOICE"}}`.
struct Voices: Sendable {
  /// Greatest length of the file in bytes.
  static let maxBytes = 64 << 10
  static let maxVoices = 256

  let names: [String: String]
  let standard: String

  init(path: String) throws(AdapterFault) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system(call: "open", path: path, error: errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    while bytes.count <= Self.maxBytes, let more = Descriptor.read(descriptor) { bytes += more }
    do {
      var reader = try ObjectReader(JSON(parsing: bytes, limits: JSONLimits(maxBytes: Self.maxBytes, maxDepth: 4)))
      standard = try reader.string("default", maxBytes: 64)
      var names: [String: String] = [:]
      let voices = try reader.json("voices")
      for (name, value) in voices.object ?? [:] {
        // Becomes an argument of a program; espeak-ng's names are of this kind.
        guard let voice = value.string, (1...32).contains(voice.utf8.count),
          voice.utf8.allSatisfy({ Self.isNameByte($0) }), voice.utf8.first != UInt8(ascii: "-")
        else { throw FieldError(field: "voices.\(name)", expected: "a voice of espeak-ng", actual: value.summary) }
        names[name] = voice
      }
      guard names[standard] != nil, names.count <= Self.maxVoices else {
        throw FieldError(field: "default", expected: "one of 1 to \(Self.maxVoices) voices", actual: standard)
      }
      self.names = names
      try reader.finish()
    } catch {
      throw .voices("\(error)")
    }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"): true
    default: false
    }
  }
}
