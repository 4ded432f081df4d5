import CanonicalJSON
import Cryptography
import Governance
import HTTPClient
import KeyRelease

/// The `keyRelease` member of `box.json`: the key of the box's data is a broker's, who releases it to each start of the box
/// that proves what it runs. There is no `keys/master.key` then (docs/key-release.md).
public struct KeyReleaseConfiguration: Sendable, Hashable {
  /// Seconds that a start waits for people; the box then shows its log, and goes on asking.
  public static let patienceRange: ClosedRange<Int64> = 0...3600
  public static let defaultPatience: Int64 = 60
  /// Bytes of the broker's URL.
  public static let maxURLBytes = 1024

  /// Where the broker is, and the key by which it is known.
  public var broker: KeyReleaseClient.Broker
  /// The name by which the broker knows this box.
  public var box: String
  /// The key's name there.
  public var key: String
  public var patience: Int64

  public init(broker: KeyReleaseClient.Broker, box: String, key: String, patience: Int64 = defaultPatience) {
    self.broker = broker
    self.box = box
    self.key = key
    self.patience = patience
  }

  init(_ reader: inout ObjectReader) throws(FieldError) {
    let url = try reader.string("broker", maxBytes: Self.maxURLBytes)
    guard (try? HTTPURL(url))?.scheme == .https else {
      throw FieldError(
        field: reader.pathOf("broker"), expected: "an https URL, such as https://broker.example:8472",
        actual: JSON.string(url).summary)
    }
    let digest = try reader.string("brokerKey", maxBytes: 64)
    guard let pin = SHA256Digest(hex: digest) else {
      throw FieldError(
        field: reader.pathOf("brokerKey"), expected: "the digest of the broker's key: 64 lower-case hexadecimal digits",
        actual: JSON.string(digest).summary)
    }
    broker = .init(url: url, key: pin)
    box = try reader.string("box", maxBytes: 255)
    guard Name.isOrigin(box) else {
      throw FieldError(field: reader.pathOf("box"), expected: "the name of a box", actual: JSON.string(box).summary)
    }
    key = try reader.string("key", maxBytes: 64)
    guard Name.isValid(key) else {
      throw FieldError(
        field: reader.pathOf("key"), expected: "a name: 1-64 of a-z 0-9 . _ -", actual: JSON.string(key).summary)
    }
    patience = try reader.optionalInteger("patience", in: Self.patienceRange) ?? Self.defaultPatience
    try reader.finish()
  }

  var json: JSON {
    [
      "broker": .string(broker.url), "brokerKey": .string(broker.key.hex), "box": .string(box), "key": .string(key),
      "patience": .integer(patience),
    ]
  }
}
