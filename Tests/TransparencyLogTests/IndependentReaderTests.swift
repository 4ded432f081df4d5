import Cryptography
import Foundation
import TestSupport
import Testing

@testable import TransparencyLog

/// A log that we write is read by a second implementation, which shares nothing with ours but the specifications.
@Suite(.enabled(if: Subprocess.find("node") != nil, "node not found: it runs the independent reader"))
struct IndependentReaderTests {
  struct Reading: Decodable {
    let size: UInt64
    let root: String?
    let index: UInt64?
    let cosigners: [String]
    let files: Int?
    let entries: String?
  }

  let origin = "box.example/log"
  let ed25519: NoteSigner
  let es256: NoteSigner
  let witness: Cosigner

  init() throws {
    ed25519 = try NoteSigner(name: origin, ed25519: .generate())
    es256 = try NoteSigner(name: origin, es256: .generate())
    witness = try Cosigner(name: "witness.example/1", key: .generate())
  }

  private var logKeys: String { [ed25519, es256].map(\.verifierKey.text).joined(separator: ",") }

  /// Entries of many lengths, the longest and the empty one among them.
  private func entry(_ index: UInt64) -> [UInt8] {
    let lengths = [0, 1, 5, 300, 65_535]
    let length = index % 97 == 0 ? lengths[Int(index / 97) % lengths.count] : Int(index % 23)
    return [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: length)
  }

  private func checkpoint(_ tree: TestTree) throws -> SignedCheckpoint {
    let head = try Checkpoint(origin: origin, size: tree.size, root: tree.frontier.root)
    var note = try SignedCheckpoint(head, signers: [ed25519, es256]).note
    try note.add(witness.cosign(checkpointText: note.textBytes, at: 1_790_000_000))
    // Grease: a reader ignores signers that it does not know.
    try note.add(#require(NoteSignature(name: "grease.invalid", keyID: 0xDEAD_BEEF, signature: [1, 2, 3])))
    return try SignedCheckpoint(note: note)
  }

  private func read(_ arguments: [String]) throws -> Subprocess.Result {
    let node = try #require(Subprocess.find("node"))
    return try Subprocess.run(
      node,
      [Vectors.packageRoot + "/Tests/Readers/read-log.mjs"] + arguments
        + [origin, logKeys, witness.verifierKey.text])
  }

  @Test(arguments: [0, 1, 255, 256, 257, 1000, 66_000] as [UInt64]) func logs(size: UInt64) throws {
    let tree = TestTree(count: size, entry: entry)
    let directory = try TemporaryDirectory()
    var files = 1
    // In steps, as a log grows: what an older size needed stays where it is.
    var written: UInt64 = 0
    for step in [size / 3, size / 2, size] {
      for path in TileLayout.resources(growingFrom: written, to: step) {
        try directory.write(try tree.bytes(of: path, entry: entry), to: path.path)
      }
      written = step
    }
    files += TileLayout.resources(growingFrom: 0, to: size).count
    try directory.write(checkpoint(tree).note.bytes, to: "checkpoint")
    let result = try read(["log", directory.path])
    try #require(result.status == 0, "\(result.errors)")
    let reading = try JSONDecoder().decode(Reading.self, from: Data(result.output))
    #expect(reading.size == size && reading.root == tree.frontier.root.hex && reading.files == files)
    #expect(reading.cosigners == ["witness.example/1"])
    #expect(reading.entries == SHA256.hash((0..<size).flatMap(entry)).hex)
  }

  @Test func proofs() throws {
    let tree = TestTree(count: 1000, entry: entry)
    let signed = try checkpoint(tree)
    let directory = try TemporaryDirectory()
    for index: UInt64 in [0, 1, 255, 256, 511, 998, 999] {
      let inclusion = try tree.inclusionProof(index: index, size: 1000)
      let proof = TLogProof(extra: [7], index: index, hashes: inclusion.hashes, checkpoint: signed)
      let file = try directory.write(Array(proof.text.utf8), to: "\(index).tlog-proof")
      let result = try read(["proof", file, Hex.encode(entry(index))])
      try #require(result.status == 0, "\(result.errors)")
      let reading = try JSONDecoder().decode(Reading.self, from: Data(result.output))
      #expect(reading.index == index && reading.size == 1000)
      #expect(try read(["proof", file, "00ff"]).status == 1)
    }
  }

  /// The reader is no yes-man: one changed octet in any kind of file stops it.
  @Test(arguments: ["checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"])
  func tampering(path: String) throws {
    let tree = TestTree(count: 300, entry: generatedEntry)
    let directory = try TemporaryDirectory()
    for (path, bytes) in try tree.resources() { try directory.write(bytes, to: path) }
    try directory.write(checkpoint(tree).note.bytes, to: "checkpoint")
    #expect(try read(["log", directory.path]).status == 0)
    var bytes = try directory.read(path)
    bytes[20] ^= 1
    try directory.write(bytes, to: path)
    #expect(try read(["log", directory.path]).status == 1)
  }
}
