import CanonicalJSON
import Cryptography
import Governance
import TransparencyLog

/// `manifest.json`: what the archive is, and the SHA-256 of every other file.
struct Manifest {
  struct File: Equatable {
    var path: String
    var digest: SHA256Digest
  }

  var origin: String
  var range: Range<UInt64>
  var keys: BoxKeys
  /// In the order of the archive.
  var files: [File]

  var bytes: [UInt8] {
    let json: JSON = [
      "format": .string(ArchiveLayout.format), "origin": .string(origin),
      "range": ["from": JSON(count: range.lowerBound), "to": JSON(count: range.upperBound)],
      "keys": ["ed25519": .string(keys.ed25519), "es256": .string(keys.es256)],
      "files": .array(files.map { ["path": .string($0.path), "sha256": .string($0.digest.hex)] }),
    ]
    return json.canonicalBytes()
  }

  init(origin: String, range: Range<UInt64>, keys: BoxKeys, files: [File]) {
    self.origin = origin
    self.range = range
    self.keys = keys
    self.files = files
  }

  init(parsing bytes: [UInt8]) throws {
    var reader = try ObjectReader(JSON(canonical: bytes))
    let format = try reader.string("format", maxBytes: 64)
    guard format == ArchiveLayout.format else {
      throw FieldError(field: "format", expected: ArchiveLayout.format, actual: JSON.string(format).summary)
    }
    origin = try reader.string("origin", maxBytes: 255)
    var bounds = try reader.object("range")
    let from = try bounds.integer("from", in: 0...JSON.maxSafeInteger - 1)
    let to = try bounds.integer("to", in: (from + 1)...JSON.maxSafeInteger)
    try bounds.finish()
    range = UInt64(from)..<UInt64(to)
    keys = try KeysFile.keys(&reader)
    files = try reader.array("files", maxCount: TarArchive.maxFiles).map { value in
      var file = try ObjectReader(value, path: "files")
      let path = try file.string("path", maxBytes: 100)
      let text = try file.string("sha256", maxBytes: 64)
      guard let digest = SHA256Digest(hex: text) else {
        throw FieldError(field: "files.sha256", expected: "a digest", actual: JSON.string(text).summary)
      }
      try file.finish()
      return File(path: path, digest: digest)
    }
    try reader.finish()
  }
}

/// `keys.json`: whose log it is.
struct KeysFile {
  var box: String
  var keys: BoxKeys

  var bytes: [UInt8] {
    let json: JSON = [
      "box": .string(box), "keys": ["ed25519": .string(keys.ed25519), "es256": .string(keys.es256)],
    ]
    return json.canonicalBytes()
  }

  init(box: String, keys: BoxKeys) {
    self.box = box
    self.keys = keys
  }

  init(parsing bytes: [UInt8]) throws {
    var reader = try ObjectReader(JSON(canonical: bytes))
    box = try reader.string("box", maxBytes: 255)
    keys = try Self.keys(&reader)
    try reader.finish()
  }

  static func keys(_ reader: inout ObjectReader) throws(FieldError) -> BoxKeys {
    var object = try reader.object("keys")
    let keys = BoxKeys(
      ed25519: try object.string("ed25519", maxBytes: 512), es256: try object.string("es256", maxBytes: 512))
    try object.finish()
    return keys
  }

  /// The keys as those of a log.
  func logKeys() throws -> LogKeys {
    let claim = "data:key/es256;base64,"
    guard keys.es256.hasPrefix(claim), let der = Base64.decode(keys.es256.dropFirst(claim.count)) else {
      throw FieldError(field: "keys.es256", expected: "data:key/es256;base64,...", actual: "another text")
    }
    return try LogKeys(
      origin: box,
      keys: [VerifierKey(parsing: keys.ed25519), VerifierKey(name: box, es256: P256.PublicKey(spkiDER: der))])
  }
}

/// `frontier.json`: the roots of the complete subtrees before the range.
struct FrontierFile {
  var frontier: Frontier

  var bytes: [UInt8] {
    let json: JSON = ["hashes": .hashes(frontier.hashes), "size": JSON(count: frontier.size)]
    return json.canonicalBytes()
  }

  init(_ frontier: Frontier) { self.frontier = frontier }

  init(parsing bytes: [UInt8]) throws {
    var reader = try ObjectReader(JSON(canonical: bytes))
    let size = try reader.integer("size", in: 1...JSON.maxSafeInteger)
    let hashes = try JSON.hashes(reader.array("hashes", maxCount: 64), field: "hashes")
    try reader.finish()
    guard let frontier = Frontier(size: UInt64(size), hashes: hashes) else {
      throw FieldError(
        field: "hashes", expected: "\(UInt64(size).nonzeroBitCount) hashes", actual: "\(hashes.count)")
    }
    self.frontier = frontier
  }
}

/// `consistency.json`: proofs between tree sizes, oldest first.
struct ConsistencyFile {
  var proofs: [ConsistencyProof]

  var bytes: [UInt8] {
    let json: JSON = [
      "proofs": .array(
        proofs.map {
          ["from": JSON(count: $0.oldSize), "to": JSON(count: $0.newSize), "hashes": .hashes($0.hashes)]
        })
    ]
    return json.canonicalBytes()
  }

  init(proofs: [ConsistencyProof]) { self.proofs = proofs }

  init(parsing bytes: [UInt8]) throws {
    var reader = try ObjectReader(JSON(canonical: bytes))
    proofs = try reader.array("proofs", maxCount: 2).map { value in
      var proof = try ObjectReader(value, path: "proofs")
      let from = try proof.integer("from", in: 1...JSON.maxSafeInteger)
      let to = try proof.integer("to", in: 1...JSON.maxSafeInteger)
      let hashes = try JSON.hashes(proof.array("hashes", maxCount: 128), field: "proofs.hashes")
      try proof.finish()
      return ConsistencyProof(oldSize: UInt64(from), newSize: UInt64(to), hashes: hashes)
    }
    try reader.finish()
  }
}

extension JSON {
  /// Reads a document of an archive, which is canonical.
  init(canonical bytes: [UInt8]) throws {
    let json = try JSON(parsing: bytes, limits: JSONLimits(maxBytes: 1 << 28, integersOnly: true))
    guard json.canonicalBytes() == bytes else {
      throw FieldError(field: "", expected: "canonical JSON (RFC 8785)", actual: "another form")
    }
    self = json
  }

  fileprivate static func hashes(_ hashes: [SHA256Digest]) -> JSON {
    .array(hashes.map { .string(Base64.encode($0.bytes)) })
  }

  fileprivate static func hashes(_ values: [JSON], field: String) throws(FieldError) -> [SHA256Digest] {
    var hashes: [SHA256Digest] = []
    for value in values {
      guard let bytes = value.string.flatMap({ Base64.decode($0) }), let hash = SHA256Digest(bytes) else {
        throw FieldError(field: field, expected: "base64 of 32 bytes", actual: value.summary)
      }
      hashes.append(hash)
    }
    return hashes
  }
}
