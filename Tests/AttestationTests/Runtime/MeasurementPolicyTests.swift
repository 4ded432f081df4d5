import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// Each demand of a policy on logs, met and not met.
@Suite struct MeasurementPolicyTests {
  static let any: JSONObject = ["eventLog": "any", "runtime": ["code": "any", "locked": "any"]]

  static func policy(
    secureBoot: JSON = "any", separators: JSON = "any", code: JSON = "any", locked: JSON = "any"
  ) -> JSONObject {
    [
      "eventLog": ["secureBoot": secureBoot, "separators": separators],
      "runtime": ["code": code, "locked": locked],
    ]
  }

  private func failures(_ members: JSONObject, _ logs: MeasurementLogs, _ registers: MeasuredRegisters) throws
    -> [String]
  {
    var checks = CheckList()
    let claims = logs.verify(against: registers, into: &checks)
    try #require(checks.holds, "\(checks.checks)")
    var reader = ObjectReader(members: members)
    let policy = try MeasurementPolicy(members: &reader)
    try reader.finish()
    #expect(policy.members["eventLog"] == members["eventLog"] && policy.members["runtime"] == members["runtime"])
    var appraisal = CheckList()
    policy.appraise(claims, into: &appraisal)
    let failed = appraisal.checks.compactMap { if case .failed = $0.outcome { $0.id.name } else { nil } }
    #expect(appraisal.succeeds == failed.isEmpty, "a demand was forgotten")
    return failed
  }

  @Test func bootIsAppraised() throws {
    let on = EventLogMint.machine(.agile([.sha256]))
    let off = EventLogMint.machine(.agile([.sha256]), secureBoot: false)
    let demand = Self.policy(secureBoot: true)
    #expect(try failures(demand, MeasurementLogs(eventLog: on.bytes), on.signed) == [])
    #expect(try failures(demand, MeasurementLogs(eventLog: off.bytes), off.signed) == ["eventlog.secure-boot"])
    #expect(try failures(Self.policy(), MeasurementLogs(eventLog: off.bytes), off.signed) == [])
    #expect(try failures(Self.any, MeasurementLogs(eventLog: off.bytes), off.signed) == [])
    // Not proved is not on.
    var values = on.signed.values
    values[7] = nil
    let unsigned = MeasuredRegisters(pcrs: values, algorithm: .sha256)
    #expect(try failures(demand, MeasurementLogs(eventLog: on.bytes), unsigned) == ["eventlog.secure-boot"])
  }

  @Test func aLogThatIsDemandedMustBeThere() throws {
    let mint = EventLogMint.machine(.agile([.sha256]))
    #expect(try failures(Self.policy(), MeasurementLogs(), mint.signed) == ["eventlog.present"])
    #expect(try failures(Self.any, MeasurementLogs(), mint.signed) == [])
  }

  @Test func separatorsAreAppraised() throws {
    var mint = EventLogMint.machine(.agile([.sha256]))
    #expect(try failures(Self.policy(separators: "regular"), MeasurementLogs(eventLog: mint.bytes), mint.signed) == [])
    mint.measure(3, 4, EventLogMint.separator)
    let logs = MeasurementLogs(eventLog: mint.bytes)
    #expect(try failures(Self.policy(separators: "regular"), logs, mint.signed) == ["eventlog.separators"])
    #expect(try failures(Self.policy(), logs, mint.signed) == [])
  }

  @Test func codeIsAppraised() throws {
    let accepted = SHA256.hash(utf8: "accepted")
    let other = SHA256.hash(utf8: "other")
    func failures(_ digests: [SHA256Digest], locked: Bool, _ policy: JSONObject) throws -> [String] {
      var events = try digests.map { try RuntimeEvent(kind: .tool, name: "tool", digest: $0) }
      if locked { events.append(try RuntimeEvent(kind: .lock, name: "lock", digest: other)) }
      let log = try RuntimeLog(events)
      let value = log.replay(from: BankAlgorithm.sha256.zeros, algorithm: .sha256)
      let registers = MeasuredRegisters(pcrs: [14: value], algorithm: .sha256)
      return try self.failures(policy, MeasurementLogs(runtime: log), registers)
    }
    func policy(_ code: JSON, locked: JSON) -> JSONObject {
      ["eventLog": "any", "runtime": ["code": code, "locked": locked]]
    }
    let only = policy([.string(accepted.hex)], locked: "any")
    #expect(try failures([accepted], locked: false, only) == [])
    #expect(try failures([accepted, accepted], locked: true, only) == [], "a lock is no code")
    #expect(try failures([], locked: false, only) == [])
    #expect(try failures([accepted, other], locked: false, only) == ["runtime.code"])
    #expect(try failures([accepted], locked: false, policy([], locked: "any")) == ["runtime.code"])
    #expect(try failures([other], locked: false, policy("any", locked: "any")) == [])
    #expect(try failures([accepted], locked: true, policy("any", locked: true)) == [])
    #expect(try failures([accepted], locked: false, policy("any", locked: true)) == ["runtime.locked"])
    let none = MeasuredRegisters(pcrs: [14: BankAlgorithm.sha256.zeros], algorithm: .sha256)
    #expect(try self.failures(only, MeasurementLogs(), none) == ["runtime.code"])
    #expect(try self.failures(policy("any", locked: true), MeasurementLogs(), none) == ["runtime.locked"])
  }

  @Test(
    arguments: [
      ("eventLog", nil), ("eventLog", "required"), ("eventLog", .object([:])), ("eventLog", ["secureBoot": true]),
      ("eventLog", ["secureBoot": false, "separators": "any"]), ("eventLog", ["secureBoot": true, "separators": true]),
      ("eventLog", ["secureBoot": true, "separators": "any", "more": 1]), ("runtime", nil), ("runtime", "any"),
      ("runtime", ["code": "any"]), ("runtime", ["locked": "any"]), ("runtime", ["code": "any", "locked": false]),
      ("runtime", ["code": ["00"], "locked": "any"]), ("runtime", ["code": "any", "locked": "any", "more": 1]),
    ] as [(String, JSON?)])
  func everyDemandIsWrittenOut(_ name: String, _ value: JSON?) throws {
    var members = Self.any
    members[name] = value
    #expect(throws: FieldError.self) {
      var reader = ObjectReader(members: members)
      _ = try MeasurementPolicy(members: &reader)
      try reader.finish()
    }
  }
}
