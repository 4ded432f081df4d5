import CanonicalJSON
import Cryptography
import Models

/// Manifests of models, the sources in them, and the signed bundles that come with models.
enum ModelTargets {
  private static let files: [ModelFile] = {
    do {
      return try [
        ("config.json", "https://models.example/config.json?v=1"),
        ("weights/model-1.gguf", "s3://weights/a%20b?endpoint=https%3A%2F%2Fs3.example&region=eu-central-1"),
        ("weights/deep/model-2.gguf", "hf://acme/tiny@0123/weights/model-2.gguf"),
        ("tokenizer.json", "file:///srv/models/tokenizer.json"),
      ].map { path, source in
        ModelFile(
          path: path, sizeBytes: Int64(path.utf8.count), sha256: SHA256.hash(utf8: path),
          sources: [try ModelSource(parsing: source), try ModelSource(parsing: "http://[::1]:80/x")])
      }
    } catch {
      preconditionFailure("the seeds cannot be made: \(error)")
    }
  }()

  private static let manifests: [ModelManifest] = {
    do {
      let description = ModelDescription(
        name: "tiny", version: "1.0", license: "MIT", runnerType: "llama-cpp", metadata: ["family": ["bert", 2]],
        protocols: [.chat, .embeddings],
        runner: RunnerRequirement(
          digest: SHA256.hash(utf8: "r"), arguments: ["context": .integer(4096), "pooling": .text("mean")]),
        resources: ModelResources(memoryBytes: 1 << 30, cpus: 2, gpus: 1, pids: 64))
      let evidence = ModelEvidence(kind: .oms, sha256: SHA256.hash(utf8: "b"), key: nil)
      let plain = ModelDescription(name: "a", version: "1", license: "MIT", runnerType: "x")
      return [
        try ModelManifest(description, files: files, evidence: [evidence]),
        try ModelManifest(plain, files: Array(files.prefix(1))),
      ]
    } catch {
      preconditionFailure("the seeds cannot be made: \(error)")
    }
  }()

  /// Whatever is accepted has one digest, reads again as itself, names files that stay below its directory and can stand
  /// beside each other, and sizes that add up.
  static let manifest = FuzzTarget(
    name: "models.manifest", shape: .json, seeds: manifests.map(\.canonicalBytes),
    tokens: [
      "\"path\":\"../x\"", "\"path\":\"a/b\"", "\"path\":\"A\"", "\"sizeBytes\":214748364800", "\"sources\":[",
      "\"https://", "\"hf://a/b@c/d\"", "\"s3://abc/d\"", "\"file:///a\"", "\"metadata\":{", "\"evidence\":[",
      "\"arguments\":{", "\"gpus\":1", "\"pids\":1", "\"speech\"", "\"totalSizeBytes\":",
    ]
  ) { input throws(FuzzTarget.Violation) in
    let manifest: ModelManifest
    do throws(FieldError) {
      manifest = try ModelManifest(parsing: input)
    } catch {
      return "refused \(error.field.prefix { $0 != "[" && $0 != "." })"
    }
    try FuzzTarget.require(
      manifest.digest == SHA256.hash(manifest.canonicalBytes), "the digest is not that of the canonical bytes")
    try FuzzTarget.require(
      (try? ModelManifest(parsing: manifest.canonicalBytes))?.canonicalBytes == manifest.canonicalBytes,
      "the canonical form reads as something else")
    try FuzzTarget.require(
      manifest.files.reduce(0) { $0 + $1.sizeBytes } == manifest.totalSizeBytes, "the sizes do not add up")
    let paths = manifest.files.map { $0.path.lowercased() }
    try FuzzTarget.require(Set(paths).count == paths.count, "two files have one path")
    for path in paths {
      let segments = path.split(separator: "/", omittingEmptySubsequences: false)
      try FuzzTarget.require(
        !segments.contains { $0.isEmpty || $0 == "." || $0 == ".." } && path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F },
        "a path leads elsewhere")
      try FuzzTarget.require(
        !paths.contains { $0.hasPrefix(path + "/") }, "a file is the directory of another")
    }
    for source in manifest.files.flatMap(\.sources) {
      try FuzzTarget.require((try? ModelSource(parsing: source.text)) == source, "a source reads as something else")
    }
    return "accepted \(manifest.protocols.count) \(manifest.runner == nil) \(manifest.evidence.count)"
  }

  /// A source that is accepted is written as it was read, and carries no user.
  static let source = FuzzTarget(
    name: "models.source", shape: .lines, seeds: files.flatMap(\.sources).map { Array($0.text.utf8) },
    tokens: [
      "https://", "http://", "s3://", "hf://", "file://", "@", "?endpoint=", "&region=", "%2F", "%00", "..", ":443",
      "[", "]", "?token=", "#",
    ]
  ) { input throws(FuzzTarget.Violation) in
    let source: ModelSource
    do throws(FieldError) {
      source = try ModelSource(parsing: String(decoding: input, as: UTF8.self))
    } catch {
      return error.expected
    }
    try FuzzTarget.require(Array(source.text.utf8) == input, "the source is written differently")
    switch source {
    case .https(let url), .http(let url):
      let authority = url.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" && $0 != "?" }
      try FuzzTarget.require(!authority.contains("@") && !authority.isEmpty, "a URL with a user, or without a host")
      return "web"
    case .s3: return "s3"
    case .hub(let hub):
      try FuzzTarget.require(ModelPath.fault(hub.path) == nil, "a path leads elsewhere")
      return "hub"
    case .file(let path, _):
      try FuzzTarget.require(path.hasPrefix("/") && !path.contains("/../"), "a path leads elsewhere")
      return "file"
    }
  }

  private static let key: P256.PrivateKey = {
    do { return try P256.PrivateKey(rawScalar: SHA256.hash(utf8: "signer").bytes) } catch {
      preconditionFailure("the seeds cannot be made: \(error)")
    }
  }()

  private static let bundles: [OMSBundle] = manifests.compactMap { try? OMSBundle($0, signedBy: key) }

  /// Nobody can sign here: a bundle that holds for a manifest under the key signs the statement that a seed signed.
  static let bundle = FuzzTarget(
    name: "models.bundle", shape: .json, seeds: bundles.map(\.bytes),
    tokens: ["\"publicKey\":{", "\"certificate\":{}", "\"tlogEntries\":[]", "\"sig\":", "\"keyid\":\"\""]
  ) { input throws(FuzzTarget.Violation) in
    let bundle: OMSBundle
    do throws(FieldError) {
      bundle = try OMSBundle(parsing: input)
    } catch {
      return "refused \(error.field)"
    }
    for manifest in manifests where (try? bundle.appraise(manifest, key: key.publicKey)) != nil {
      try FuzzTarget.require(
        bundle.statement == OMSStatement(of: manifest), "a statement counts that nobody signed")
      return "holds"
    }
    return "read"
  }
}
