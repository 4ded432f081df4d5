import CanonicalJSON
import Cryptography

/// What OpenSSF Model Signing signs: an in-toto statement (Statement v1) whose predicate `model_signing/signature/v1.0` lists
/// the files of a model with their digests.
///
/// Only SHA-256 over whole files is read. Sizes, sources, runner and licence are not part of it.
public struct OMSStatement: Sendable, Hashable {
  static let type = "https://in-toto.io/Statement/v1"
  static let predicateType = "https://model_signing/signature/v1.0"
  static let maxResources = 65_536

  /// One signed file.
  public struct Resource: Sendable, Hashable {
    public let name: String
    public let sha256: SHA256Digest
  }

  /// The model's name in the subject.
  public let name: String
  /// In the order of the statement.
  public let resources: [Resource]
  /// Paths that the signer left out of the listing.
  public let ignoredPaths: [String]

  /// What the manifest says about files, in the order in which Model Signing lists them.
  public init(of manifest: ModelManifest) {
    name = manifest.name
    resources = manifest.files.map { Resource(name: $0.path, sha256: $0.sha256) }.sorted {
      $0.name.split(separator: "/").lexicographicallyPrecedes($1.name.split(separator: "/")) {
        $0.utf8.lexicographicallyPrecedes($1.utf8)
      }
    }
    ignoredPaths = [OMSBundle.fileName]
  }

  /// Reads a statement.
  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json, path: "payload")
    try Self.expect(Self.type, "_type", &reader)
    try Self.expect(Self.predicateType, "predicateType", &reader)
    let subjects = try reader.array("subject", maxCount: 1)
    guard let first = subjects.first else {
      throw FieldError(field: "payload.subject", expected: "one subject", actual: "an array of 0")
    }
    var subject = try ObjectReader(first, path: "payload.subject[0]")
    name = try subject.string("name", maxBytes: 1024)
    var digests = try subject.object("digest")
    let root = try digests.digest("sha256")
    try digests.finish()
    try subject.finish()
    var predicate = try reader.object("predicate")
    ignoredPaths = try Self.ignoredPaths(&predicate)
    resources = try Self.resources(&predicate)
    try predicate.finish()
    try reader.finish()
    guard root == Self.root(resources) else {
      throw FieldError(
        field: "payload.subject[0].digest.sha256", expected: Self.root(resources).hex, actual: root.hex)
    }
  }

  /// The statement as it is signed.
  public var json: JSON {
    [
      "_type": .string(Self.type), "predicateType": .string(Self.predicateType),
      "subject": [["name": .string(name), "digest": ["sha256": .string(Self.root(resources).hex)]]],
      "predicate": [
        "serialization": [
          "method": "files", "hash_type": "sha256", "allow_symlinks": false,
          "ignore_paths": .array(ignoredPaths.map(JSON.string)),
        ],
        "resources": .array(
          resources.map { ["name": .string($0.name), "algorithm": "sha256", "digest": .string($0.sha256.hex)] }),
      ],
    ]
  }

  /// The subject's digest: SHA-256 over the files' digests, in order.
  private static func root(_ resources: [Resource]) -> SHA256Digest {
    var hasher = SHA256()
    for resource in resources { hasher.update(resource.sha256) }
    return hasher.finalize()
  }

  private static func expect(
    _ expected: String, _ name: String, _ reader: inout ObjectReader
  ) throws(FieldError) {
    let text = try reader.string(name, maxBytes: 256)
    guard text == expected else {
      throw FieldError(field: reader.pathOf(name), expected: expected, actual: JSON.string(text).summary)
    }
  }

  /// How the files were listed. Members of it that are not read here change nothing about which digests are signed.
  private static func ignoredPaths(_ predicate: inout ObjectReader) throws(FieldError) -> [String] {
    var serialization = try predicate.object("serialization")
    try expect("files", "method", &serialization)
    try expect("sha256", "hash_type", &serialization)
    var paths: [String] = []
    for (index, json) in (try serialization.optionalArray("ignore_paths", maxCount: 1024) ?? []).enumerated() {
      guard let path = json.string, path.utf8.count <= 4096 else {
        throw FieldError(
          field: "\(serialization.pathOf("ignore_paths"))[\(index)]", expected: "a path", actual: json.summary)
      }
      paths.append(path)
    }
    return paths
  }

  private static func resources(_ predicate: inout ObjectReader) throws(FieldError) -> [Resource] {
    let elements = try predicate.array("resources", maxCount: maxResources)
    var resources: [Resource] = []
    var names: Set<String> = []
    for (index, element) in elements.enumerated() {
      var reader = try ObjectReader(element, path: "\(predicate.pathOf("resources"))[\(index)]")
      let name = try reader.string("name", maxBytes: 4096)
      // Nobody is to follow a signed path out of the model.
      try ModelPath.check(name, at: reader.pathOf("name"))
      try expect("sha256", "algorithm", &reader)
      resources.append(Resource(name: name, sha256: try reader.digest("digest")))
      try reader.finish()
      guard names.insert(name).inserted else {
        throw FieldError(
          field: reader.pathOf("name"), expected: "a file that is not listed before", actual: JSON.string(name).summary)
      }
    }
    guard !resources.isEmpty else {
      throw FieldError(field: predicate.pathOf("resources"), expected: "at least one file", actual: "an array of 0")
    }
    return resources
  }
}
