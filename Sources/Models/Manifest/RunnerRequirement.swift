import CanonicalJSON
import Cryptography

/// The runner that may serve a model, and the options that it is given.
public struct RunnerRequirement: Sendable, Hashable {
  /// One option's value. A runner definition says which options there are and what becomes of them; nothing here is ever
  /// an argument of a program by itself.
  public enum Value: Sendable, Hashable {
    case integer(Int64)
    /// 1 to 256 bytes of visible characters.
    case text(String)

    var json: JSON {
      switch self {
      case .integer(let value): .integer(value)
      case .text(let text): .string(text)
      }
    }
  }

  /// Most options.
  public static let maxArguments = 64

  /// Digest of the runner's root file system.
  public let digest: SHA256Digest
  /// Options by name: 1 to 64 of `a-z 0-9 -`, beginning with a letter.
  public let arguments: [String: Value]

  public init(digest: SHA256Digest, arguments: [String: Value] = [:]) {
    self.digest = digest
    self.arguments = arguments
  }

  init(_ reader: inout ObjectReader) throws(FieldError) {
    digest = try reader.digest("digest")
    var arguments: [String: Value] = [:]
    if let json = reader.optionalJSON("arguments") {
      guard let object = json.object, object.count <= Self.maxArguments else {
        throw FieldError(
          field: reader.pathOf("arguments"), expected: "an object of at most \(Self.maxArguments)",
          actual: json.summary)
      }
      var options = ObjectReader(members: object, path: reader.pathOf("arguments"))
      for (name, json) in object {
        guard Self.isName(name) else {
          throw FieldError(
            field: options.path, expected: "names of 1 to 64 characters of a-z 0-9 -, beginning with a letter",
            actual: JSON.string(name).summary)
        }
        if json.integer != nil {
          arguments[name] = .integer(try options.integer(name))
        } else {
          arguments[name] = .text(try options.visibleText(name, maxBytes: 256))
        }
      }
    }
    self.arguments = arguments
    try reader.finish()
  }

  private static func isName(_ name: String) -> Bool {
    (1...64).contains(name.utf8.count)
      && name.utf8.first.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) } ?? false
      && name.utf8.allSatisfy(ModelManifest.isRunnerTypeByte)
  }

  var json: JSON {
    var object: JSONObject = ["digest": .string(digest.hex)]
    if !arguments.isEmpty { object["arguments"] = .object(JSONObject(arguments.map { ($0.key, $0.value.json) })) }
    return .object(object)
  }
}
