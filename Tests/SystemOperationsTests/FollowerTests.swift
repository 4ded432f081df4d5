import CanonicalJSON
import Cryptography
import Governance
import SystemOperations
import TestSupport
import Testing
import TransparencyLog

/// What is taken of a log, and what is not: the daemon that pushes has its keys.
@Suite struct FollowerTests {
  private func log() throws -> BoxLog {
    var log = try BoxLog()
    for number in 0..<5 { _ = try log.open("directory.create", ["name": .string("d\(number)")]) }
    return log
  }

  @Test func aLogIsTakenAtOnceOrInParts() async throws {
    let log = try log()
    let whole = try Machine(log)
    #expect(try await whole.desk.follow(log.push()).size == log.size)

    let parts = try Machine(log)
    let note = try log.checkpoint()
    for index in 0..<Int(log.size) {
      let position = try await parts.desk.follow(
        LogPush(from: UInt64(index), checkpoint: note, entries: [log.entries[index]]))
      #expect(position.next == UInt64(index) + 1)
      // Nothing counts before the checkpoint covers it.
      #expect(position.size == (index + 1 == log.entries.count ? log.size : 0))
    }
    #expect(try await parts.desk.standing().position == whole.desk.standing().position)
  }

  @Test func aCheckpointOfAnotherKeyOriginOrOfOneKeyAloneIsRefused() async throws {
    let log = try log()
    let machine = try Machine(log)
    let own = try BoxLog.signers(log.origin)
    let strangers = [
      try NoteSigner(name: log.origin, ed25519: .generate()), try NoteSigner(name: log.origin, es256: .generate()),
    ]
    for signers in [strangers, [own[0]], [own[1]], [own[0], strangers[1]]] {
      let push = LogPush(from: 0, checkpoint: try log.checkpoint(signers: signers), entries: log.entries)
      #expect(await code { _ = try await machine.desk.follow(push) } == "log.checkpoint")
    }
    let other = "other.example/box"
    let note = try log.checkpoint(origin: other, signers: BoxLog.signers(other))
    let push = LogPush(from: 0, checkpoint: note, entries: log.entries)
    #expect(await code { _ = try await machine.desk.follow(push) } == "log.checkpoint")
    #expect(try await machine.desk.standing().position.size == 0)
  }

  @Test func aForkIsRefused() async throws {
    let base = try log()
    let machine = try Machine(base)
    _ = try await machine.desk.follow(base.push())
    var (one, other) = (base, base)
    _ = try one.open("directory.create", ["name": "one"])
    _ = try other.open("directory.create", ["name": "other"])
    _ = try other.open("directory.create", ["name": "another"])
    _ = try await machine.desk.follow(one.push(from: base.size))
    // The fork is larger and its checkpoint is signed, but it does not continue what is known.
    #expect(await code { _ = try await machine.desk.follow(other.push(from: one.size)) } == "log.fork")
    #expect(try await machine.desk.standing().position.size == one.size)
    #expect(machine.lines.contains { $0.hasPrefix("alarm") })
    // An honest push is still taken.
    _ = try one.open("directory.create", ["name": "more"])
    #expect(try await machine.desk.follow(one.push(from: base.size + 1)).size == one.size)
  }

  @Test func twoRootsForOneSizeEndItForGood() async throws {
    var log = try log()
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    let contradiction = LogPush(
      from: log.size, checkpoint: try log.checkpoint(root: SHA256.hash([1])), entries: [])
    #expect(await code { _ = try await machine.desk.follow(contradiction) } == "log.contradiction")
    let id = try log.order("directory.create", ["name": "later"])
    #expect(await code { _ = try await machine.desk.follow(log.push(from: log.size - 4)) } == "log.contradicted")
    // The proof is on disk, and a restart does not forget it.
    let evidence = try machine.directory.read("log/contradiction")
    #expect(evidence == contradiction.checkpoint)
    let again = try Machine(log, in: copy(of: machine.directory))
    #expect(try await again.desk.standing().isHalted)
    #expect(await code { _ = try await again.desk.follow(log.push(from: log.size - 4)) } == "log.contradicted")
    #expect(await code { _ = try await again.perform(id) } == "mandate.contradicted")
  }

  @Test func aSmallerLogIsRefused() async throws {
    let log = try log()
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    let push = LogPush(from: log.size, checkpoint: try log.checkpoint(3), entries: [])
    #expect(await code { _ = try await machine.desk.follow(push) } == "log.shorter")
  }

  @Test func skippedReorderedAndAlteredEntriesAreRefused() async throws {
    let log = try log()
    let note = try log.checkpoint()
    var skipped = log.entries
    skipped.remove(at: 2)
    var swapped = log.entries
    swapped.swapAt(2, 3)
    var altered = log.entries
    altered[3] = altered[2]
    for (entries, expected) in [
      // One is missing, so the checkpoint is not reached.
      (skipped, nil), (swapped, "log.fork"), (altered, "log.entry"), (log.entries + [log.entries[5]], "log.beyond"),
    ] as [([[UInt8]], String?)] {
      let machine = try Machine(log)
      let push = LogPush(from: 0, checkpoint: note, entries: entries)
      #expect(await code { _ = try await machine.desk.follow(push) } == expected)
      #expect(try await machine.desk.standing().position.size == 0)
    }
    let machine = try Machine(log)
    let push = LogPush(from: 1, checkpoint: note, entries: Array(log.entries.dropFirst()))
    #expect(await code { _ = try await machine.desk.follow(push) } == "log.position")
  }

  @Test func aRootOverTheRightNumberOfOtherEntriesIsRefused() async throws {
    let log = try log()
    var swapped = log.entries
    swapped.swapAt(4, 5)
    // The daemon signs what it shows; the fold takes it, and still nobody can be shown something else afterwards.
    let machine = try Machine(log)
    _ = try await machine.desk.follow(log.push())
    let push = LogPush(
      from: log.size, checkpoint: try log.checkpoint(root: BoxLog.root(swapped)), entries: [])
    #expect(await code { _ = try await machine.desk.follow(push) } == "log.contradiction")
  }

  @Test func anotherFirstEntryIsRefused() async throws {
    let log = try log()
    // The daemon makes itself a box of the same name and keys, with owners that it likes.
    let other = try Machine(log, genesis: SHA256.hash([7]))
    #expect(await code { _ = try await other.desk.follow(log.push()) } == "log.genesis")
    #expect(try await other.desk.standing().position.size == 0)
  }

  @Test func aFirstEntryOfAnotherBoxIsRefusedEvenIfItIsPinned() async throws {
    let log = try log()
    var body = try BoxCreated(body: Entry(parsing: log.entries[0]).body)
    body.keys.es256 = try BoxLog.keys("other.example/box").es256
    let entry = try body.entry(at: BoxLog.start).bytes
    let machine = try Machine(log, genesis: MerkleTree.leafHash(entry))
    let push = LogPush(from: 0, checkpoint: try log.checkpoint(1, root: BoxLog.root([entry])), entries: [entry])
    #expect(await code { _ = try await machine.desk.follow(push) } == "log.identity")
  }

  @Test func anEntryFromTheFutureIsRefused() async throws {
    var log = try log()
    let machine = try Machine(log)
    log.pass(seconds: 60)
    _ = try log.open("directory.create", ["name": "now"])
    #expect(try await machine.desk.follow(log.push()).size == log.size)
    log.now += 1
    _ = try log.open("directory.create", ["name": "soon"])
    #expect(await code { _ = try await machine.desk.follow(log.push(from: log.size - 1)) } == "log.future")
    machine.now += 1
    #expect(try await machine.desk.follow(log.push(from: log.size - 1)).size == log.size)
  }

  @Test func entriesThatTheFoldRefusesAreRefused() async throws {
    var log = try log()
    let id = try log.open("directory.create", ["name": "unapproved"])
    let started = ExecutionStarted(proposal: id, approvals: ["ana", "ben"], mode: .normal)
    log.appendAnything(try started.entry(at: log.now).bytes)
    let machine = try Machine(log)
    #expect(await code { _ = try await machine.desk.follow(log.push()) } == "log.entry")
    log.drop(1)
    log.appendAnything(Array("{}".utf8))
    #expect(await code { _ = try await machine.desk.follow(log.push()) } == "log.entry")
  }

  @Test func theCopyIsBounded() async throws {
    let log = try log()
    let machine = try Machine(log, maxLogBytes: 1 << 20)
    var long = log
    while long.entries.reduce(0, { $0 + $1.count + 4 }) < 1 << 20 {
      for _ in 0..<20 { long.appendAnything([UInt8](repeating: 0x20, count: 60_000)) }
    }
    _ = try await machine.desk.follow(log.push())
    // Refused for what they are before they are written; the limit is behind that.
    #expect(await code { _ = try await machine.desk.follow(long.push(from: log.size)) } == "log.entry")
    #expect(try machine.directory.read("log/entries").count < 1 << 20)
  }

  @Test func witnessesAreAskedForWhereTheyAreDemanded() async throws {
    let log = try log()
    let keys = (0..<3).map { _ in Ed25519.PrivateKey.generate() }
    let witnesses = try keys.enumerated().map { try Cosigner(name: "w\($0.offset).example", key: $0.element) }
    var policy = witnesses.enumerated().map { "witness w\($0.offset) \($0.element.verifierKey)\n" }.joined()
    policy += "group g 2 w0 w1 w2\nquorum g\n"
    let machine = try Machine(log, witnesses: policy)
    #expect(await code { _ = try await machine.desk.follow(log.push()) } == "log.unwitnessed")
    #expect(
      await code { _ = try await machine.desk.follow(log.push(cosigners: [witnesses[1]])) } == "log.unwitnessed")
    let stranger = try Cosigner(name: "w0.example", key: .generate())
    #expect(
      await code { _ = try await machine.desk.follow(log.push(cosigners: [stranger, witnesses[1]])) }
        == "log.unwitnessed")
    #expect(try await machine.desk.follow(log.push(cosigners: [witnesses[2], witnesses[0]])).size == log.size)
  }
}

/// What a machine that lost its power would find: the files as they are now.
func copy(of directory: TemporaryDirectory) throws -> TemporaryDirectory {
  let copy = try TemporaryDirectory()
  let result = try Subprocess.run("/bin/cp", ["-a", directory.path + "/.", copy.path])
  try #require(result.status == 0, "\(result.errors)")
  return copy
}
