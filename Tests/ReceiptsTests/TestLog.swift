import CanonicalJSON
import Cryptography
import TransparencyLog

/// The keys of a box of the tests.
struct TestBox {
  let origin: String
  let ed25519: Ed25519.PrivateKey
  let es256: P256.PrivateKey

  init(_ origin: String) throws {
    self.origin = origin
    ed25519 = try Ed25519.PrivateKey(seed: SHA256.hash(Array("\(origin) ed25519".utf8)).bytes)
    es256 = try P256.PrivateKey(rawScalar: SHA256.hash(Array("\(origin) es256".utf8)).bytes)
  }

  var es256Text: String { "data:key/es256;base64,\(Base64.encode(es256.publicKey.spkiDER))" }

  func noteSigners() throws -> [NoteSigner] {
    [try NoteSigner(name: origin, ed25519: ed25519), try NoteSigner(name: origin, es256: es256)]
  }

  func keys() throws -> JSON {
    ["ed25519": .string(try noteSigners()[0].verifierKey.text), "es256": .string(es256Text)]
  }
}

/// A whole log in memory, with the roles that its entries play in one receipt.
struct TestLog {
  var box: TestBox
  var entries: [[UInt8]]
  var roles: JSON
  var constitution: JSON
  var openings: JSON
  var cosigners: [Cosigner] = []
  /// The newest identity, and the evidence that a receipt carries for it.
  var identity: Identity?
  /// The format of the receipt: a run's has neither constitution nor openings.
  var format = "safebox-receipt/v1"
  /// The origin that the checkpoint names; nil for the box's.
  var origin: String?

  struct Identity {
    let index: Int
    let evidence: JSON
  }

  mutating func edit(_ index: Int, _ path: String, to value: JSON?) throws {
    let json = try JSON(parsing: entries[index], limits: .document(maxBytes: 1 << 20))
    entries[index] = json.setting(path, to: value).canonicalBytes()
  }

  /// The index that a role names.
  func index(of role: String) -> Int { Int(roles.at(role)?.integer ?? -1) }

  /// The receipt: every entry that a role names, proved against a checkpoint over the whole log.
  func receipt() throws -> JSON {
    let leaves = entries.map { MerkleTree.leafHash($0) }
    let checkpoint = try Checkpoint(
      origin: origin ?? box.origin, size: UInt64(leaves.count), root: MerkleTree.root(ofLeafHashes: leaves))
    var note = try SignedCheckpoint(checkpoint, signers: box.noteSigners()).note
    for cosigner in cosigners {
      try note.add(cosigner.cosign(checkpointText: checkpoint.textBytes, at: 1_790_000_000))
    }
    var indices: Set<Int> = []
    for (_, role) in roles.object ?? [:] {
      for index in role.array ?? [role] { indices.insert(Int(index.integer ?? -1)) }
    }
    func item(_ index: Int) -> JSON {
      [
        "index": .integer(Int64(index)), "entry": .string(String(decoding: entries[index], as: UTF8.self)),
        "proof": .array(Self.path(to: index, of: leaves[...]).map { .string(Base64.encode($0.bytes)) }),
      ]
    }
    var receipt: JSONObject = [
      "format": .string(format), "checkpoint": .string(note.description),
      "es256": .string(Base64.encode(try box.es256.sign(checkpoint.textBytes).p1363)),
      "entries": .array(indices.sorted().filter(entries.indices.contains).map(item)), "roles": roles,
      "identity": identity.map { item($0.index) } ?? .null, "evidence": identity?.evidence ?? .null, "release": nil,
    ]
    if format == "safebox-receipt/v1" {
      receipt["constitution"] = constitution
      receipt["openings"] = openings
    }
    return .object(receipt)
  }

  /// The inclusion path by its definition (RFC 9162 section 2.1.3.1), written apart from the room that is tested.
  static func path(to index: Int, of leaves: ArraySlice<SHA256Digest>) -> [SHA256Digest] {
    guard leaves.count > 1 else { return [] }
    var split = 1
    while split * 2 < leaves.count { split *= 2 }
    let middle = leaves.startIndex + split
    return index < split
      ? path(to: index, of: leaves[..<middle]) + [MerkleTree.root(ofLeafHashes: leaves[middle...])]
      : path(to: index - split, of: leaves[middle...]) + [MerkleTree.root(ofLeafHashes: leaves[..<middle])]
  }
}
