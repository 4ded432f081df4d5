import CanonicalJSON
import Cryptography

/// What a model consists of, byte for byte, and how it is to be served (docs/models.md).
///
/// The public schema of model manifests is read as it is, and keeps its digest; ours adds the members `protocols`,
/// `runner`, `resources` and `evidence`, and sources other than `https`. The digest, SHA-256 of the RFC 8785 form, names
/// the model everywhere: in proposals, on the disk and in requests.
public struct ModelManifest: Sendable {
  /// Greatest length of the text in bytes.
  public static let maxBytes = 1 << 20
  /// Most files.
  public static let maxFiles = 256
  /// Most pieces of evidence.
  public static let maxEvidence = 16

  /// 1 to 128 of `A-Z a-z 0-9 . _ -`.
  public let name: String
  /// 1 to 64 bytes of visible characters.
  public let version: String
  /// 1 to 256 bytes of visible characters.
  public let license: String
  /// What kind of runner can serve it: 1 to 64 of `a-z 0-9 -`.
  public let runnerType: String
  /// Sizes of all files together.
  public let totalSizeBytes: Int64
  /// 1 to ``maxFiles`` files, in the manifest's order.
  public let files: [ModelFile]
  /// Members of others, carried and not interpreted. No fractions.
  public let metadata: JSONObject?
  /// What it can be asked for; empty when the manifest does not say.
  public let protocols: [ModelProtocol]
  public let runner: RunnerRequirement?
  public let resources: ModelResources?
  public let evidence: [ModelEvidence]

  /// The manifest as it was read.
  public let json: JSON
  /// The RFC 8785 form: what is hashed and stored.
  public let canonicalBytes: [UInt8]
  /// SHA-256 of ``canonicalBytes``.
  public let digest: SHA256Digest

  /// Reads a manifest of at most ``maxBytes`` bytes; white space and the order of members do not matter.
  public init(parsing bytes: [UInt8]) throws(FieldError) {
    let json: JSON
    do throws(JSONError) {
      json = try JSON(parsing: bytes, limits: JSONLimits(maxBytes: Self.maxBytes, integersOnly: true))
    } catch {
      throw FieldError(field: "", expected: "JSON of at most \(Self.maxBytes) bytes", actual: error.description)
    }
    try self.init(json: json)
  }

  /// Reads a manifest. Unknown members are refused: what is approved must be understood whole.
  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    name = try reader.word("name", maxBytes: 128, of: "A-Z a-z 0-9 . _ -", ModelPath.isPlain)
    version = try reader.visibleText("version", maxBytes: 64)
    license = try reader.visibleText("license", maxBytes: 256)
    runnerType = try reader.word("runnerType", maxBytes: 64, of: "a-z 0-9 -", Self.isRunnerTypeByte)
    files = try Self.files(&reader)
    totalSizeBytes = try reader.integer("totalSizeBytes")
    // 256 files of 200 GiB are far from overflow.
    let sum = files.reduce(0) { $0 + $1.sizeBytes }
    guard totalSizeBytes == sum else {
      throw FieldError(
        field: "totalSizeBytes", expected: "the sum of all sizeBytes, \(sum)", actual: "the integer \(totalSizeBytes)")
    }
    metadata = try Self.metadata(&reader)
    protocols = try Self.protocols(&reader)
    if var requirement = try reader.optionalObject("runner") {
      runner = try RunnerRequirement(&requirement)
    } else {
      runner = nil
    }
    if var demanded = try reader.optionalObject("resources") {
      resources = try ModelResources(&demanded)
    } else {
      resources = nil
    }
    evidence = try Self.evidence(&reader)
    try reader.finish()
    self.json = json
    canonicalBytes = json.canonicalBytes()
    guard canonicalBytes.count <= Self.maxBytes else {
      throw FieldError(
        field: "", expected: "at most \(Self.maxBytes) canonical bytes", actual: "\(canonicalBytes.count) bytes")
    }
    digest = SHA256.hash(canonicalBytes)
  }

  /// A manifest of these parts.
  public init(_ description: ModelDescription, files: [ModelFile], evidence: [ModelEvidence] = []) throws(FieldError) {
    var object = description.json
    // Sizes out of range are refused one by one when the parts are read again.
    object["totalSizeBytes"] = .integer(files.reduce(0) { $0 &+ $1.sizeBytes })
    object["files"] = .array(files.map(\.json))
    if !evidence.isEmpty { object["evidence"] = .array(evidence.map(\.json)) }
    try self.init(json: .object(object))
  }

  /// The file of that path.
  public func file(at path: String) -> ModelFile? { files.first { $0.path == path } }

  /// What people decide by, as an action of type `model.install` repeats it.
  public var facts: ModelFacts {
    ModelFacts(
      manifest: digest, name: name, version: version, bytes: totalSizeBytes, files: Int64(files.count),
      licence: license,
      runner: runner?.digest)
  }

  // MARK: members

  static func isRunnerTypeByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
    default: false
    }
  }

  private static func files(_ reader: inout ObjectReader) throws(FieldError) -> [ModelFile] {
    let elements = try reader.array("files", maxCount: maxFiles)
    guard !elements.isEmpty else {
      throw FieldError(field: "files", expected: "1 to \(maxFiles) files", actual: "an array of 0")
    }
    var files: [ModelFile] = []
    var paths = ModelPathSet()
    for (index, element) in elements.enumerated() {
      let file = try ModelFile(element, at: "files[\(index)]")
      try paths.insert(file.path, at: "files[\(index)].path")
      files.append(file)
    }
    return files
  }

  private static func metadata(_ reader: inout ObjectReader) throws(FieldError) -> JSONObject? {
    guard let json = reader.optionalJSON("metadata") else { return nil }
    guard let object = json.object else {
      throw FieldError(field: "metadata", expected: "an object", actual: json.summary)
    }
    guard !containsFraction(json) else {
      throw FieldError(field: "metadata", expected: "integers within +-(2^53-1)", actual: "another number")
    }
    return object
  }

  private static func containsFraction(_ json: JSON) -> Bool {
    switch json {
    case .double: true
    case .integer(let value): value.magnitude > JSON.maxSafeInteger.magnitude
    case .array(let elements): elements.contains(where: containsFraction)
    case .object(let object): object.contains { containsFraction($0.value) }
    default: false
    }
  }

  private static func protocols(_ reader: inout ObjectReader) throws(FieldError) -> [ModelProtocol] {
    guard let elements = try reader.optionalArray("protocols", maxCount: ModelProtocol.allCases.count) else {
      return []
    }
    var protocols: [ModelProtocol] = []
    for (index, element) in elements.enumerated() {
      guard let text = element.string, let one = ModelProtocol(rawValue: text), !protocols.contains(one) else {
        throw FieldError(
          field: "protocols[\(index)]", expected: "one of \(ModelProtocol.allCases.map(\.rawValue)), each once",
          actual: element.summary)
      }
      protocols.append(one)
    }
    guard !protocols.isEmpty else {
      throw FieldError(field: "protocols", expected: "at least one protocol", actual: "an array of 0")
    }
    return protocols
  }

  private static func evidence(_ reader: inout ObjectReader) throws(FieldError) -> [ModelEvidence] {
    guard let elements = try reader.optionalArray("evidence", maxCount: maxEvidence) else { return [] }
    var evidence: [ModelEvidence] = []
    for (index, element) in elements.enumerated() {
      evidence.append(try ModelEvidence(element, at: "evidence[\(index)]"))
    }
    return evidence
  }
}

extension ModelManifest: Hashable {
  /// Equal manifests have equal digests.
  public static func == (left: ModelManifest, right: ModelManifest) -> Bool { left.digest == right.digest }
  public func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}
