import CanonicalJSON
import Cryptography
import Governance
import Storage
import Testing
import TransparencyLog

@testable import BoxService

/// The log as strangers read it.
@Suite struct LogRouteTests {
  @Test func checkpointTilesAndEntriesAgree() async throws {
    try await TestBox.with { box in
      for number in 0..<4 { _ = try await box.open("note.single", ["n": .integer(Int64(number))]) }
      let answer = try await box.get("/log/checkpoint", as: nil)
      let signed = try SignedCheckpoint(parsing: answer.body)
      let signers = try CheckpointSigners(origin: TestConstitution.box, keys: box.home.keys)
      let checkpoint = try signed.verified(log: signers.log, requiring: .everyKey)
      _ = checkpoint
      let size = signed.checkpoint.size
      #expect(size == 5)
      #expect(signed.checkpoint.origin == TestConstitution.box)

      let tile = try await box.get("/log/tile/0/000.p/\(size)", as: nil)
      let hashes = try #require(Tile(tile.body, width: Int(size))).hashes
      var frontier = Frontier()
      for hash in hashes { frontier.append(leafHash: hash) }
      #expect(frontier.root == signed.checkpoint.root)

      let bundle = try await box.get("/log/tile/entries/000.p/\(size)", as: nil)
      let entries = try EntryBundle(parsing: bundle.body, width: Int(size)).entries
      #expect(entries.map { MerkleTree.leafHash($0) } == hashes)

      let listed = try #require(try await box.get("/v1/entries?from=0&limit=256").json["entries"]?.array)
      #expect(listed.compactMap { $0["entry"]?.string }.map { Array($0.utf8) } == entries)
      for index in 0..<size {
        let proof = try await box.get("/v1/entries/\(index)/proof").json
        let inclusion = InclusionProof(
          index: index, size: UInt64(try #require(proof["size"]?.integer)),
          hashes: try #require(proof["hashes"]?.array).compactMap {
            Base64.decode($0.string ?? "").flatMap { SHA256Digest($0) }
          })
        let under = try SignedCheckpoint(parsing: Array((proof["checkpoint"]?.string ?? "").utf8))
        try inclusion.verify(leafHash: hashes[Int(index)], root: under.checkpoint.root)
      }
    }
  }

  @Test func pagesOfEntriesFollowEachOther() async throws {
    try await TestBox.with { box in
      for _ in 0..<4 { _ = try await box.open("note.single") }
      var indexes: [Int64] = []
      var from: Int64 = 0
      while true {
        let page = try await box.get("/v1/entries?from=\(from)&limit=2").json
        indexes += (page["entries"]?.array ?? []).compactMap { $0["index"]?.integer }
        guard let next = page["next"]?.integer else { break }
        from = next
      }
      #expect(indexes == [0, 1, 2, 3, 4])
      #expect(try await box.get("/v1/entries/4").json["index"]?.integer == 4)
      #expect(try await box.get("/v1/entries?from=99").json["entries"]?.array?.isEmpty == true)
      for path in ["/v1/entries/5", "/v1/entries/5/proof", "/v1/entries/9007199254740991"] {
        #expect(try await box.get(path).code == "no_entry", "\(path)")
      }
      for path in ["/v1/entries/-1", "/v1/entries/01", "/v1/entries/x", "/v1/entries?limit=257", "/v1/entries?from=-1"]
      {
        #expect(try await box.get(path).status == 422, "\(path)")
      }
      for path in ["/log/tile/0/001", "/log/tile/9/000", "/log/tile/0/000.p/0", "/log/tile/0/0", "/log/tile/x"] {
        #expect(try await box.get(path, as: nil).code == "no_tile", "\(path)")
      }
      #expect(try await box.get("/log/tile/..%2f..%2fkeys", as: nil).status == 404)
    }
  }
}
