import Cryptography
import TransparencyLog

/// The text and binary formats of the log, its witnesses and its proofs. They all have one spelling: what is accepted is
/// written back octet for octet.
enum TransparencyLogTargets {
  // MARK: Seeds: a log of eight entries, its signers and a witness, all of fixed keys.

  private struct Sample: HashReader {
    struct Missing: Error {}
    var levels: [[SHA256Digest]] = []
    var frontier = Frontier()

    init(count: UInt8) {
      for octet in 0..<count {
        frontier.append(leafHash: MerkleTree.leafHash([octet])) { level, _, hash in
          if level == levels.count { levels.append([]) }
          levels[level].append(hash)
        }
      }
    }

    func hash(level: Int, index: UInt64) throws -> SHA256Digest {
      guard level < levels.count, index < UInt64(levels[level].count) else { throw Missing() }
      return levels[level][Int(index)]
    }
  }

  private static let origin = "box.example/log"
  private static let tree = Sample(count: 8)

  private static func seed(_ octet: UInt8) throws -> Ed25519.PrivateKey {
    try Ed25519.PrivateKey(seed: [UInt8](repeating: octet, count: 32))
  }

  private static func signed() throws -> SignedCheckpoint {
    let head = try Checkpoint(origin: origin, size: 8, root: tree.frontier.root)
    var note = try SignedCheckpoint(head, signers: [NoteSigner(name: origin, ed25519: seed(1))]).note
    try note.add(Cosigner(name: "w.example/1", key: seed(2)).cosign(checkpointText: note.textBytes, at: 1_790_000_000))
    return try SignedCheckpoint(note: note)
  }

  /// Seeds that could not be made would leave a target without any: that stops the program.
  private static func seeds(_ make: () throws -> [[UInt8]]) -> [[UInt8]] {
    do { return try make() } catch { preconditionFailure("internal error: no seeds: \(error)") }
  }

  private static let noteSeeds = seeds {
    [try signed().note.bytes, Array("a\n\nb\n\n\u{2014} x AAAAAAA=\n".utf8)]
  }

  private static let tokens = ["\n\n", "\u{2014} ", " ", "\n", "+", "=", "AAAAAAA=", "old ", "index ", "extra ", "0"]

  // MARK: Text.

  static let note = FuzzTarget(name: "tlog.note", shape: .lines, seeds: noteSeeds, tokens: tokens) {
    input throws(FuzzTarget.Violation) in
    let note: SignedNote
    do { note = try SignedNote(parsing: input) } catch { return label(error) }
    try FuzzTarget.require(note.bytes == input, "the note is written differently from how it was read")
    try FuzzTarget.require(!note.signatures.isEmpty, "a note without signatures was accepted")
    return "accepted"
  }

  static let checkpoint = FuzzTarget(
    name: "tlog.checkpoint", shape: .lines, seeds: seeds { [try signed().note.textBytes] }, tokens: tokens
  ) { input throws(FuzzTarget.Violation) in
    let checkpoint: Checkpoint
    do { checkpoint = try Checkpoint(parsing: input) } catch { return label(error) }
    try FuzzTarget.require(checkpoint.textBytes == input, "the checkpoint is written differently from how it was read")
    return "accepted"
  }

  static let verifierKey = FuzzTarget(
    name: "tlog.vkey", shape: .lines,
    seeds: seeds {
      [
        Array(try NoteSigner(name: origin, ed25519: seed(1)).verifierKey.text.utf8),
        Array(try Cosigner(name: "w.example/1", key: seed(2)).verifierKey.text.utf8),
      ]
    }, tokens: tokens
  ) { input throws(FuzzTarget.Violation) in
    guard let text = String(validating: input, as: UTF8.self) else { return "not UTF-8" }
    let key: VerifierKey
    do { key = try VerifierKey(parsing: text) } catch { return label(error) }
    try FuzzTarget.require(Array(key.text.utf8) == input, "the key is written differently from how it was read")
    try FuzzTarget.require(!key.isValid(input, for: input), "the key verified noise")
    return "accepted"
  }

  static let proof = FuzzTarget(
    name: "tlog.proof", shape: .lines,
    seeds: seeds {
      let hashes = try tree.inclusionProof(index: 5, size: 8).hashes
      return [Array(try TLogProof(extra: [1, 2], index: 5, hashes: hashes, checkpoint: signed()).text.utf8)]
    }, tokens: tokens
  ) { input throws(FuzzTarget.Violation) in
    let proof: TLogProof
    do { proof = try TLogProof(parsing: input) } catch { return label(error) }
    try FuzzTarget.require(Array(proof.text.utf8) == input, "the proof is written differently from how it was read")
    return "accepted"
  }

  static let request = FuzzTarget(
    name: "tlog.add-checkpoint", shape: .lines,
    seeds: seeds {
      let hashes = try tree.consistencyProof(from: 5, to: 8).hashes
      return [AddCheckpointRequest(oldSize: 5, hashes: hashes, checkpoint: try signed()).bytes]
    }, tokens: tokens
  ) { input throws(FuzzTarget.Violation) in
    let request: AddCheckpointRequest
    do { request = try AddCheckpointRequest(parsing: input) } catch { return label(error) }
    try FuzzTarget.require(request.bytes == input, "the request is written differently from how it was read")
    return "accepted"
  }

  static let response = FuzzTarget(
    name: "tlog.add-checkpoint-response", shape: .lines,
    seeds: seeds { [Array("8\n".utf8), Array((try signed().note.signatures.map { $0.line + "\n" }.joined()).utf8)] },
    tokens: tokens
  ) { input throws(FuzzTarget.Violation) in
    var labels: [String] = []
    for status in [200, 409] {
      let type = status == 409 ? AddCheckpointResponse.sizeContentType : nil
      let response: AddCheckpointResponse
      do { response = try AddCheckpointResponse(status: status, contentType: type, body: input) } catch {
        labels.append(label(error))
        continue
      }
      try FuzzTarget.require(response.body == input, "the answer is written differently from how it was read")
      labels.append("accepted")
    }
    return labels.joined(separator: "/")
  }

  /// One more cosignature never breaks a quorum, and nothing but `quorum none` is met by nobody.
  static let policy = FuzzTarget(
    name: "tlog.policy", shape: .lines,
    seeds: seeds {
      var text = "log \(try NoteSigner(name: origin, ed25519: seed(1)).verifierKey)\n"
      for octet: UInt8 in 2..<5 {
        text +=
          "witness w\(octet) \(try Cosigner(name: "w\(octet)", key: seed(octet)).verifierKey) https://w.example/\n"
      }
      return [Array("# three\n\(text)group g 2 w2 w3\ngroup h any g w4\nquorum h\n".utf8), Array("quorum none\n".utf8)]
    }, tokens: ["group ", "any", "all", "quorum ", "none", "\t", "#", "g", "w2", "2"]
  ) { input throws(FuzzTarget.Violation) in
    let policy: WitnessPolicy
    do throws(WitnessPolicy.Failure) { policy = try WitnessPolicy(parsing: input) } catch { return label(error.reason) }
    let all = Set(policy.witnesses.indices)
    try FuzzTarget.require(policy.isSatisfied(cosigners: all), "not even all witnesses reach the quorum")
    try FuzzTarget.require(
      policy.isSatisfied(cosigners: []) == (policy.quorum == nil), "a quorum is met by nobody, or none is not met")
    var cosigners: Set<Int> = []
    var reached = policy.quorum == nil
    for witness in policy.witnesses.indices {
      cosigners.insert(witness)
      let satisfied = policy.isSatisfied(cosigners: cosigners)
      try FuzzTarget.require(satisfied || !reached, "one more cosignature broke the quorum")
      reached = satisfied
    }
    return "accepted"
  }

  static let tilePath = FuzzTarget(
    name: "tlog.tile-path", shape: .lines,
    seeds: ["tile/0/x001/x234/067.p/8", "tile/entries/000", "tile/63/005"].map { Array($0.utf8) },
    tokens: ["tile/", "/", "x", ".p/", "entries", "000", "x000/"]
  ) { input throws(FuzzTarget.Violation) in
    guard let text = String(validating: input, as: UTF8.self) else { return "not UTF-8" }
    guard let path = TilePath(parsing: text) else { return "refused" }
    try FuzzTarget.require(Array(path.path.utf8) == input, "the path is written differently from how it was read")
    return path.isPartial ? "partial" : "full"
  }

  // MARK: Binary.

  /// The first octet is the expected width less one.
  static let bundle = FuzzTarget(
    name: "tlog.bundle", shape: .binary,
    seeds: seeds { [[2] + (try EntryBundle(entries: [[], [1], [2, 3]]).bytes), [0, 0, 0]] }
  ) { input throws(FuzzTarget.Violation) in
    guard let first = input.first else { return "empty" }
    let body = Array(input.dropFirst())
    let width = Int(first) + 1
    if let tile = Tile(body, width: width) { try FuzzTarget.require(tile.bytes == body, "a tile changed") }
    if let frontier = Frontier(encoded: body) { try FuzzTarget.require(frontier.encoded == body, "a frontier changed") }
    let bundle: EntryBundle
    do { bundle = try EntryBundle(parsing: body, width: width) } catch { return label(error) }
    try FuzzTarget.require(bundle.bytes == body, "the bundle is written differently from how it was read")
    try FuzzTarget.require(bundle.entries.count == width, "the bundle has another number of entries")
    return "accepted"
  }

  /// Index, size (8 octets each), then hashes: the verifier's loop against the definition of RFC 6962 turned around.
  static let merkle = FuzzTarget(
    name: "tlog.merkle", shape: .binary,
    seeds: seeds {
      try (UInt64(0)..<8).map { index in
        let hashes = try tree.inclusionProof(index: index, size: 8).hashes
        return octets(index) + octets(8) + hashes.flatMap(\.bytes)
      }
    }
  ) { input throws(FuzzTarget.Violation) in
    guard input.count >= 16 else { return "short" }
    let index = input[..<8].reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    let size = input[8..<16].reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    let hashes = stride(from: 16, to: max(16, input.count - 31), by: 32)
      .compactMap { SHA256Digest(input[$0..<$0 + 32]) }
    let leaf = MerkleTree.leafHash([5])
    let expected = index < size ? definedRoot(index, size, leaf, hashes[...]) : nil
    let actual = try? InclusionProof(index: index, size: size, hashes: hashes).computedRoot(leafHash: leaf)
    try FuzzTarget.require(actual == expected, "another root than the definition's")
    let consistency = ConsistencyProof(oldSize: index, newSize: size, hashes: hashes)
    let other = MerkleTree.emptyRoot
    let holds = (try? consistency.verify(oldRoot: leaf, newRoot: other)) != nil
    try FuzzTarget.require(!holds, "a consistency proof leads to a hash that nobody can find")
    return actual == nil ? "refused" : "accepted"
  }

  private static func definedRoot(
    _ index: UInt64, _ size: UInt64, _ leaf: SHA256Digest, _ path: ArraySlice<SHA256Digest>
  ) -> SHA256Digest? {
    if size == 1 { return path.isEmpty ? leaf : nil }
    guard let sibling = path.last else { return nil }
    var split: UInt64 = 1
    while split < size - split { split *= 2 }
    if index < split {
      return definedRoot(index, split, leaf, path.dropLast()).map { MerkleTree.nodeHash($0, sibling) }
    }
    return definedRoot(index - split, size - split, leaf, path.dropLast()).map { MerkleTree.nodeHash(sibling, $0) }
  }

  private static func octets(_ number: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) }
  }

  /// The kind of an error without its values.
  private static func label(_ error: some Error) -> String {
    Mirror(reflecting: error).children.first?.label ?? "\(error)"
  }
}
