import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// What a box measures while it runs: preimages, replay, the lock, and what a policy makes of them.
@Suite struct RuntimeMeasurementTests {
  static let digest = SHA256.hash(utf8: "tool")

  private func event(_ kind: RuntimeEvent.Kind, _ name: String = "one", _ text: String = "tool") throws -> RuntimeEvent
  {
    try RuntimeEvent(kind: kind, name: name, digest: SHA256.hash(utf8: text))
  }

  private func registers(_ log: RuntimeLog, from initial: [UInt8]? = nil) -> MeasuredRegisters {
    let value = log.replay(from: initial ?? BankAlgorithm.sha256.zeros, algorithm: .sha256)
    return MeasuredRegisters(pcrs: [14: value], algorithm: .sha256)
  }

  private func verify(
    _ logs: MeasurementLogs, _ registers: MeasuredRegisters
  ) -> (claims: MeasurementClaims, failed: [String], succeeds: Bool) {
    var checks = CheckList()
    let claims = logs.verify(against: registers, into: &checks)
    let failed = checks.checks.compactMap { if case .failed = $0.outcome { $0.id.name } else { nil } }
    return (claims, failed, checks.succeeds)
  }

  /// Computed with sha256sum and sha384sum over the bytes that the documentation spells out.
  @Test func theMeasuredBytesAreFixed() throws {
    let event = try RuntimeEvent(
      kind: .model, name: "llama", digest: try #require(SHA256Digest([UInt8](repeating: 0x11, count: 32))))
    let preimage =
      "73616665626f782f6d6561737572652f7631 00 03 00000005 6c6c616d61 " + String(repeating: "11", count: 32)
    #expect(Hex.encode(event.preimage) == preimage.filter { $0 != " " })
    #expect(
      Hex.encode(event.registerDigest(.sha256)) == "0255d8928c11d9f40769338149d95acb52790771facb23f39d56ebb9c1381535")
    #expect(
      Hex.encode(event.registerDigest(.sha384))
        == "69248b3b770a3cb7fddf639da62696fe641388bedb6f18c0c86217184cd6464cf9caa40909cd355b7738aba0178d70df")
    let register = BankAlgorithm.sha256.extend(BankAlgorithm.sha256.zeros, with: event.registerDigest(.sha256))
    #expect(Hex.encode(register) == "3f4fe4ef0b168108c343a5f9f42a3650eaac7384a930c1503b570966c53e5692")
  }

  @Test func lengthsKeepNamesApart() throws {
    // Without the length, the end of a name could be read as the beginning of a digest.
    let events = try RuntimeEvent.Kind.allCases.flatMap { kind in
      [try event(kind, "a"), try event(kind, "b"), try event(kind, "ab"), try event(kind, "a", "other")]
    }
    #expect(Set(events.map { $0.registerDigest(.sha256) }).count == events.count)
  }

  @Test func eventsAreReadStrictly() throws {
    let sound: JSON = ["kind": "tool", "name": "one", "digest": .string(Self.digest.hex)]
    #expect(try RuntimeEvent(json: sound, path: "runtime[0]").json == sound)
    let wrong: [(String, JSON?)] = [
      ("kind", "image"), ("kind", 1), ("kind", nil), ("name", ""),
      ("name", .string(String(repeating: "n", count: 257))),
      ("name", nil), ("digest", "00"), ("digest", .string(Self.digest.hex.uppercased())), ("digest", nil), ("more", 1),
    ]
    for (name, value) in wrong {
      var members = try #require(sound.object)
      members[name] = value
      #expect(throws: FieldError.self, "\(name)") { try RuntimeEvent(json: .object(members), path: "") }
    }
    for name in ["", String(repeating: "n", count: RuntimeEvent.maxNameBytes + 1)] {
      #expect(throws: FieldError.self) { try RuntimeEvent(kind: .tool, name: name, digest: Self.digest) }
    }
    let one = try event(.tool)
    #expect(throws: FieldError.self) { try RuntimeLog(Array(repeating: one, count: RuntimeLog.maxEvents + 1)) }
  }

  @Test func aLogYieldsItsRegister() throws {
    let log = try RuntimeLog([event(.policy), event(.tool), event(.model), event(.runner), event(.lock)])
    let outcome = verify(MeasurementLogs(runtime: log), registers(log))
    #expect(outcome.succeeds && outcome.claims.runtime == log && log.isLocked)
    let none = try RuntimeLog([])
    #expect(verify(MeasurementLogs(runtime: none), registers(none)).succeeds, "nothing has run yet")
    #expect(!none.isLocked)
  }

  @Test func everyChangeOfALogIsRefused() throws {
    let events = try [event(.policy), event(.tool, "two", "b"), event(.model, "three", "c"), event(.lock)]
    let signed = registers(try RuntimeLog(events))
    var changes: [[RuntimeEvent]] = [[], events + [try event(.tool)], events.reversed(), Array(events.dropLast())]
    for index in events.indices {
      var without = events
      without.remove(at: index)
      changes.append(without)
      for changed in [
        try event(.runner, events[index].name, "tool"),
        try RuntimeEvent(kind: events[index].kind, name: events[index].name + "x", digest: events[index].digest),
        try RuntimeEvent(kind: events[index].kind, name: events[index].name, digest: SHA256.hash(utf8: "else")),
      ] {
        var altered = events
        altered[index] = changed
        changes.append(altered)
      }
      changes.append(events + [events[index]])
    }
    for change in changes {
      let outcome = verify(MeasurementLogs(runtime: try RuntimeLog(change)), signed)
      #expect(outcome.failed.contains("runtime.replay") && outcome.claims.runtime == nil, "\(change)")
    }
    var other = signed.values
    other[14]?[31] ^= 1
    let log = try RuntimeLog(events)
    #expect(
      verify(MeasurementLogs(runtime: log), MeasuredRegisters(pcrs: other, algorithm: .sha256)).failed
        == ["runtime.replay"])
    #expect(
      verify(MeasurementLogs(runtime: log), MeasuredRegisters(pcrs: [13: [], 15: []], algorithm: .sha256)).failed
        == ["runtime.replay"], "a register that nobody signed")
  }

  @Test func nothingFollowsALock() throws {
    let (tool, lock) = (try event(.tool), try event(.lock))
    for events in [[lock, tool], [lock, lock], [tool, lock, tool, lock]] {
      let log = try RuntimeLog(events)
      // The register holds exactly these events: what is wrong is the order in which the box measured them.
      let outcome = verify(MeasurementLogs(runtime: log), registers(log))
      #expect(outcome.failed == ["runtime.lock"] && outcome.claims.runtime == nil)
      #expect(!log.isLocked)
    }
  }

  @Test func runtimeEventsContinueTheLogOfTheBoot() throws {
    let log = try RuntimeLog([event(.tool)])
    var mint = EventLogMint.machine(.agile([.sha256]))
    mint.measure(14, 13, hashed: [1, 2, 3], logged: Array("MokList\0".utf8))
    var values = mint.signed.values
    values[14] = log.replay(from: try #require(values[14]), algorithm: .sha256)
    let signed = MeasuredRegisters(pcrs: values, algorithm: .sha256)
    let outcome = verify(MeasurementLogs(eventLog: mint.bytes, runtime: log), signed)
    #expect(outcome.succeeds && outcome.claims.boot != nil && outcome.claims.runtime == log)
    #expect(outcome.claims.boot?.registers.contains("sha256.pcr14") == false)
    // Each log alone leaves the register unexplained.
    #expect(verify(MeasurementLogs(runtime: log), signed).failed == ["runtime.replay"])
    #expect(verify(MeasurementLogs(eventLog: mint.bytes), signed).failed == ["eventlog.replay"])
    // Where the boot's log does not hold, nothing is known of what the register began with.
    let broken = verify(MeasurementLogs(eventLog: mint.bytes + [0], runtime: log), signed)
    #expect(broken.failed == ["eventlog.format"] && !broken.succeeds && broken.claims.runtime == nil)
  }

  @Test func aGuestMeasuresIntoItsLastRegister() throws {
    let log = try RuntimeLog([event(.tool), event(.lock)])
    let mint = EventLogMint.machine(.ccel)
    var values = mint.signed.values
    values[3] = log.replay(from: BankAlgorithm.sha384.zeros, algorithm: .sha384)
    let logs = MeasurementLogs(eventLog: mint.bytes, runtime: log)
    #expect(verify(logs, MeasuredRegisters(rtmrs: values)).succeeds)
    values[3] = BankAlgorithm.sha384.zeros
    #expect(verify(logs, MeasuredRegisters(rtmrs: values)).failed == ["runtime.replay"])
  }

  @Test func membersComeBackAsTheyWere() throws {
    let logs = MeasurementLogs(eventLog: [1, 2, 3], runtime: try RuntimeLog([event(.tool), event(.lock)]))
    for logs in [logs, MeasurementLogs(eventLog: []), MeasurementLogs(runtime: try RuntimeLog([])), MeasurementLogs()] {
      var reader = ObjectReader(members: logs.members)
      #expect(try MeasurementLogs(members: &reader) == logs)
      try reader.finish()
    }
    for wrong in [["eventLog": .null], ["runtime": [:]], ["runtime": [1]], ["eventLog": "%"]] as [JSONObject] {
      var reader = ObjectReader(members: wrong)
      #expect(throws: FieldError.self) { try MeasurementLogs(members: &reader) }
    }
  }
}
