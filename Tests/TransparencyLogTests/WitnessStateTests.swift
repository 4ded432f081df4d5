import Cryptography
import TestSupport
import Testing

@testable import TransparencyLog

/// A log that asks to be witnessed: its tree, its key, and requests about any two of its sizes.
struct WitnessedTestLog {
  let signer: NoteSigner
  let tree: TestTree

  init(origin: String = "log.example/1", count: UInt64 = 64, key: Ed25519.PrivateKey = .generate(), salt: UInt8 = 0)
    throws
  {
    signer = try NoteSigner(name: origin, ed25519: key)
    tree = TestTree(count: count) { generatedEntry($0) + [salt] }
  }

  var keys: LogKeys {
    get throws { try LogKeys(origin: signer.verifierKey.name, keys: [signer.verifierKey]) }
  }

  func signed(_ size: UInt64) throws -> SignedCheckpoint {
    let checkpoint = try Checkpoint(origin: signer.verifierKey.name, size: size, root: tree.root(size: size))
    return try SignedCheckpoint(checkpoint, signers: [signer])
  }

  func request(from old: UInt64, to new: UInt64) throws -> AddCheckpointRequest {
    let hashes = old == 0 || old > new ? [] : try tree.consistencyProof(from: old, to: new).hashes
    return AddCheckpointRequest(oldSize: old, hashes: hashes, checkpoint: try signed(new))
  }
}

@Suite struct WitnessStateTests {
  struct File: Decodable {
    struct Request: Decodable {
      let name: String
      let body: String
      let wantStatus: Int
      let wantBodyContains: String
    }
    let origin: String
    let logEd25519PublicKeyHex: String
    let requests: [Request]
  }

  /// The conversation of Sunlight's witness test, status for status.
  @Test(.enabled(if: Vectors.available, Vectors.absence)) func conversationOfSunlight() throws {
    let file = try vector("witness_add_checkpoint.json", as: File.self)
    let key = try Ed25519.PublicKey(#require(Hex.decode(file.logEd25519PublicKeyHex)))
    var state = WitnessState(
      log: try LogKeys(origin: file.origin, keys: [VerifierKey(name: file.origin, ed25519: key)]))
    let cosigner = try Cosigner(name: "example.com/witness", key: .generate())
    #expect(file.requests.count == 11)
    for wanted in file.requests {
      let response = try respond(to: Array(wanted.body.utf8), state: &state, cosigner: cosigner)
      #expect(
        response.status == wanted.wantStatus, "\(wanted.name): \(String(decoding: response.body, as: UTF8.self))")
      #expect(String(decoding: response.body, as: UTF8.self).contains(wanted.wantBodyContains), "\(wanted.name)")
      #expect(response.contentType.contains("text/x.tlog.size") == (wanted.wantStatus == 409))
    }
    #expect(state.latest?.size == 5)
  }

  private func respond(
    to body: [UInt8], state: inout WitnessState, cosigner: Cosigner
  ) throws -> AddCheckpointResponse {
    let request: AddCheckpointRequest
    do { request = try AddCheckpointRequest(parsing: body) } catch {
      return WitnessState.Refusal.malformed(error).response
    }
    do {
      let (next, checkpoint) = try state.accepted(request)
      state = next
      return .cosigned([try cosigner.cosign(checkpointText: checkpoint.note.textBytes, at: 9)])
    } catch let refusal as WitnessState.Refusal {
      return refusal.response
    }
  }

  private func refusal(_ state: WitnessState, _ request: AddCheckpointRequest) -> WitnessState.Refusal? {
    do { _ = try state.accepted(request) } catch { return error }
    return nil
  }

  @Test func growsAndRepeats() throws {
    let log = try WitnessedTestLog()
    var state = WitnessState(log: try log.keys)
    var known: UInt64 = 0
    for size: UInt64 in [0, 0, 1, 1, 2, 7, 8, 8, 33, 64, 64] {
      let (next, checkpoint) = try state.accepted(log.request(from: known, to: size))
      #expect(next.latest == checkpoint.checkpoint && next.latest?.size == size)
      (state, known) = (next, size)
    }
  }

  @Test func rollbackIsRefused() throws {
    let log = try WitnessedTestLog()
    let state = WitnessState(log: try log.keys, latest: try log.signed(40).checkpoint)
    for size: UInt64 in [0, 1, 39] {
      #expect(refusal(state, try log.request(from: 0, to: size)) == .conflict(latest: 40))
      #expect(refusal(state, try log.request(from: 40, to: size)) == .oldSizeAboveNew(old: 40, new: size))
    }
    #expect(refusal(state, try log.request(from: 39, to: 64)) == .conflict(latest: 40))
    #expect(refusal(state, try log.request(from: 41, to: 64)) == .conflict(latest: 40))
  }

  @Test func forksAreRefused() throws {
    let key = Ed25519.PrivateKey.generate()
    let log = try WitnessedTestLog(key: key)
    let fork = try WitnessedTestLog(key: key, salt: 1)
    let state = WitnessState(log: try log.keys, latest: try log.signed(40).checkpoint)
    let (known, other) = (try log.tree.root(size: 40), try fork.tree.root(size: 40))
    // The same size, another root: with an empty proof it is the oldest trick.
    #expect(
      refusal(state, try fork.request(from: 40, to: 40)) == .rootChanged(size: 40, known: known, submitted: other))
    let grown = refusal(state, try fork.request(from: 40, to: 64))
    #expect(grown?.status == 422)
    #expect(grown == .inconsistent(.oldRootMismatch(expected: known, actual: other)))
    // The right proof under the fork's root.
    let mixed = AddCheckpointRequest(
      oldSize: 40, hashes: try log.request(from: 40, to: 64).hashes, checkpoint: try fork.signed(64))
    #expect(refusal(state, mixed)?.status == 422)
  }

  @Test func proofsMustBeExact() throws {
    let log = try WitnessedTestLog()
    let state = WitnessState(log: try log.keys, latest: try log.signed(40).checkpoint)
    let good = try log.request(from: 40, to: 64)
    for hashes in [[], Array(good.hashes.dropLast()), good.hashes + [MerkleTree.emptyRoot]] {
      let bad = AddCheckpointRequest(oldSize: 40, hashes: hashes, checkpoint: good.signedCheckpoint)
      #expect(refusal(state, bad)?.status == 422)
    }
    // Nothing to prove: from zero, and at the same size.
    let fresh = WitnessState(log: try log.keys)
    let padded = AddCheckpointRequest(oldSize: 0, hashes: [MerkleTree.emptyRoot], checkpoint: try log.signed(8))
    #expect(refusal(fresh, padded) == .inconsistent(.wrongLength(actual: 1)))
    let same = AddCheckpointRequest(oldSize: 40, hashes: [MerkleTree.emptyRoot], checkpoint: try log.signed(40))
    #expect(refusal(state, same)?.status == 422)
  }

  @Test func emptyTreesHaveTheEmptyRoot() throws {
    let log = try WitnessedTestLog()
    let wrong = try Checkpoint(origin: "log.example/1", size: 0, root: MerkleTree.leafHash([]))
    let request = AddCheckpointRequest(
      oldSize: 0, hashes: [], checkpoint: try SignedCheckpoint(wrong, signers: [log.signer]))
    let fresh = WitnessState(log: try log.keys)
    #expect(refusal(fresh, request) == .wrongEmptyRoot)
    #expect(refusal(fresh, try log.request(from: 0, to: 0)) == nil)
  }

  @Test func onlyTheLogsOwnKeysCount() throws {
    let log = try WitnessedTestLog()
    let thief = try WitnessedTestLog(key: .generate())
    let state = WitnessState(log: try log.keys)
    #expect(
      refusal(state, try thief.request(from: 0, to: 8))
        == .notSigned(.notSignedByLog(origin: "log.example/1")))
    let other = try WitnessedTestLog(origin: "log.example/2")
    #expect(refusal(state, try other.request(from: 0, to: 8)) == .unknownLog(origin: "log.example/2"))
    #expect(refusal(state, try other.request(from: 0, to: 8))?.status == 404)
    #expect(refusal(state, try thief.request(from: 0, to: 8))?.status == 403)
  }

  @Test func requestsAreStrict() throws {
    let log = try WitnessedTestLog()
    let good = try log.request(from: 40, to: 64)
    #expect(try AddCheckpointRequest(parsing: good.bytes) == good)
    let text = String(decoding: good.bytes, as: UTF8.self)
    func failure(_ text: String) -> AddCheckpointRequest.Failure? {
      do { _ = try AddCheckpointRequest(parsing: Array(text.utf8)) } catch { return error }
      return nil
    }
    for line in ["old 040", "old -1", "old", "old ", "old  40", "Old 40", "old 40 ", "old 18446744073709551616", "40"] {
      let edited = line + text.dropFirst("old 40".count)
      #expect(failure(edited) == .invalidOldSize, "\(line)")
    }
    #expect(failure("") == .invalidOldSize)
    #expect(failure("old 0\n") == .missingBlankLine)
    #expect(failure("old 0\nAAAA\n\n") == .invalidHash(line: 0))
    let hash = Base64.encode(MerkleTree.emptyRoot.bytes) + "\n"
    let checkpoint = try log.signed(64).note.description
    #expect(failure("old 0\n" + String(repeating: hash, count: 63) + "\n" + checkpoint) == nil)
    #expect(failure("old 0\n" + String(repeating: hash, count: 64) + "\n" + checkpoint) == .tooManyHashes(limit: 63))
    #expect(failure("old 0\n\n\n" + checkpoint) == .checkpoint(.checkpoint(.emptyOrigin)))
    #expect(
      failure("old 0\n" + String(repeating: "a", count: 1_010_000)) == .tooLong(bytes: 1_010_006, limit: 1_010_000))
  }

  @Test func responsesAreStrict() throws {
    let line = try Cosigner(name: "w", key: .generate()).cosign(checkpointText: [0x0A], at: 5)
    func parse(_ status: Int, _ type: String?, _ body: String) -> AddCheckpointResponse? {
      try? AddCheckpointResponse(status: status, contentType: type, body: Array(body.utf8))
    }
    #expect(parse(200, nil, "\(line)\n") == .cosigned([line]))
    #expect(parse(200, "text/html", "\(line)\n\(line)\n") == .cosigned([line, line]))
    for body in ["", "\n", "\(line)", "\(line)\n\n", "x\n", "\n\(line)\n"] { #expect(parse(200, nil, body) == nil) }
    #expect(parse(409, "text/x.tlog.size", "7\n") == .conflict(size: 7))
    for body in ["7", "", "07\n", "7\n\n", "-7\n", "7 \n"] { #expect(parse(409, "text/x.tlog.size", body) == nil) }
    #expect(parse(409, "text/plain", "7\n") == nil)
    #expect(parse(409, nil, "7\n") == nil)
    #expect(parse(500, nil, "oops") == .refused(status: 500, reason: "oops"))
    #expect(parse(200, nil, String(repeating: "a", count: 70_000)) == nil)
    for response: AddCheckpointResponse in [.cosigned([line]), .conflict(size: 12)] {
      #expect(
        try AddCheckpointResponse(status: response.status, contentType: response.contentType, body: response.body)
          == response)
    }
  }
}
