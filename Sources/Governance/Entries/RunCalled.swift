import CanonicalJSON
import Cryptography

/// Recorded when a host call's answer is there and before the tool sees it.
public struct RunCalled: EntryBody {
  public var run: RunID
  /// How many answers were delivered before.
  public var index: Int64
  /// The number of the call: the order in which the tool made them.
  public var call: Int64
  /// As in `HTTP.get`.
  public var method: String
  /// Salted digest of the argument.
  public var arguments: SHA256Digest
  /// Salted digest of the answer: a value, or what the promise is rejected with.
  public var result: SHA256Digest
  /// Whether the promise is fulfilled.
  public var isOK: Bool
  /// The proposal that the call made.
  public var proposal: SHA256Digest?
  /// The run that the call started.
  public var child: RunID?
  /// What it used up: counts by name; nil for nothing.
  public var usage: JSONObject?
  /// Which version of which secret was used, as `NAME@VERSION`.
  public var secrets: [String]

  static let maxUsage = 16

  public init(
    run: RunID, index: Int64, call: Int64, method: String, arguments: SHA256Digest, result: SHA256Digest, isOK: Bool,
    proposal: SHA256Digest? = nil, child: RunID? = nil, usage: JSONObject? = nil, secrets: [String] = []
  ) {
    self.run = run
    self.index = index
    self.call = call
    self.method = method
    self.arguments = arguments
    self.result = result
    self.isOK = isOK
    self.proposal = proposal
    self.child = child
    self.usage = usage
    self.secrets = secrets
  }

  public init(body: JSON) throws(FieldError) {
    var reader = try ObjectReader(body)
    let numbers = 0...ToolManifest.Limits.callsRange.upperBound
    run = try reader.run("run")
    index = try reader.integer("index", in: numbers)
    call = try reader.integer("call", in: numbers)
    method = try reader.string("method", maxBytes: 64)
    guard Grant.isMethod(method) else {
      throw FieldError(
        field: "method", expected: "a method as in HTTP.get", actual: JSON.string(method).summary)
    }
    arguments = try reader.digest("arguments")
    result = try reader.digest("result")
    isOK = try reader.bool("ok")
    proposal = try reader.optionalDigest("proposal")
    child = try reader.optionalRun("child")
    usage = try Self.usage(&reader)
    secrets = try Self.secrets(&reader)
    try reader.finish()
  }

  public var kind: EntryKind { .runCalled }

  public var body: JSON {
    var object: JSONObject = [
      "run": .string(run.hex), "index": .integer(index), "call": .integer(call), "method": .string(method),
      "arguments": .string(arguments.hex), "result": .string(result.hex), "ok": .bool(isOK),
    ]
    object["proposal"] = proposal.map { .string($0.hex) }
    object["child"] = child.map { .string($0.hex) }
    object["usage"] = usage.map(JSON.object)
    if !secrets.isEmpty { object["secrets"] = .array(secrets.map(JSON.string)) }
    return .object(object)
  }

  /// Members with a count above 0: what was not used is left out.
  private static func usage(_ reader: inout ObjectReader) throws(FieldError) -> JSONObject? {
    guard let json = reader.optionalJSON("usage") else { return nil }
    guard let object = json.object, (1...maxUsage).contains(object.count) else {
      throw FieldError(field: "usage", expected: "an object of 1-\(maxUsage) counts", actual: json.summary)
    }
    for (name, value) in object {
      guard (1...32).contains(name.utf8.count), name.utf8.allSatisfy({ (65...90).contains($0 & 0xDF) }) else {
        throw FieldError(field: "usage", expected: "names of 1-32 letters", actual: JSON.string(name).summary)
      }
      guard let count = value.integer, count > 0 else {
        throw FieldError(field: "usage.\(name)", expected: "an integer above 0", actual: value.summary)
      }
    }
    return object
  }

  private static func secrets(_ reader: inout ObjectReader) throws(FieldError) -> [String] {
    guard let elements = try reader.optionalArray("secrets", maxCount: ToolManifest.maxSecrets) else { return [] }
    var secrets: [String] = []
    for (index, value) in elements.enumerated() {
      guard let text = value.string, isSecret(text), !secrets.contains(text) else {
        throw FieldError(
          field: "secrets[\(index)]", expected: "NAME@VERSION, given once", actual: value.summary)
      }
      secrets.append(text)
    }
    guard !secrets.isEmpty else {
      throw FieldError(field: "secrets", expected: "at least one secret, or no list", actual: "none")
    }
    return secrets
  }

  private static func isSecret(_ text: String) -> Bool {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, Name.isValid(String(parts[0])), let version = Int64(parts[1]) else { return false }
    return version > 0 && version <= JSON.maxSafeInteger && String(version) == parts[1]
  }
}
