import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// Rules that no log of a real machine breaks, or none that we have: on logs made for them.
@Suite struct EventLogRuleTests {
  struct Outcome {
    let boot: BootFacts?
    let failed: [String]
    let succeeds: Bool
    let reason: String
  }

  static let separator: UInt32 = 4
  static let action: UInt32 = 0x8000_0007
  static let layouts = [EventLogMint.Layout.agile([.sha256]), .agile([.sha1, .sha384]), .legacy, .ccel]

  private func verify(_ mint: EventLogMint, _ registers: MeasuredRegisters? = nil) -> Outcome {
    verify(mint.bytes, registers ?? mint.signed)
  }

  private func verify(_ bytes: [UInt8], _ registers: MeasuredRegisters) -> Outcome {
    var checks = CheckList()
    let claims = MeasurementLogs(eventLog: bytes).verify(against: registers, into: &checks)
    var failed: [String] = []
    var reason = ""
    for check in checks.checks {
      if case .failed(let expected, let actual) = check.outcome {
        failed.append(check.id.name)
        reason += "\(expected) | \(actual) "
      }
    }
    return Outcome(boot: claims.boot, failed: failed, succeeds: checks.succeeds, reason: reason)
  }

  @Test(arguments: layouts) func aSoundLogHoldsAndSaysWhatIsHashed(_ layout: EventLogMint.Layout) throws {
    let outcome = verify(EventLogMint.machine(layout))
    #expect(outcome.succeeds, "\(outcome.reason)")
    let boot = try #require(outcome.boot)
    #expect(boot.secureBoot == true)
    #expect(boot.variables.map(\.name) == ["SecureBoot", "PK", "KEK", "db", "dbx"])
    #expect(boot.authorities.map(\.name) == ["db"])
    #expect(boot.sections.map(\.name) == [".linux", ".initrd"])
    #expect(boot.loaderTexts == ["linux /vmlinuz quiet", "/vmlinuz quiet"])
    #expect(boot.irregularities.isEmpty)
    // In a TDX guest texts and contents of sections share a register: one of the latter may have been a text.
    #expect(boot.loaderTextsAreComplete == (layout != .ccel))
    #expect(verify(EventLogMint.machine(layout, secureBoot: false)).boot?.secureBoot == false)
  }

  @Test(arguments: layouts) func leftOutEventsAreAMismatch(_ layout: EventLogMint.Layout) {
    let whole = EventLogMint.machine(layout)
    var part = EventLogMint(layout)
    part.firmware()
    #expect(verify(part, whole.signed).failed == ["eventlog.replay"])
    #expect(verify(whole, part.signed).failed == ["eventlog.replay"])
    #expect(verify(EventLogMint(layout).bytes.isEmpty ? [0] : EventLogMint(layout).bytes, whole.signed).boot == nil)
  }

  @Test func firmwareRegistersWithoutEventsAreCompared() {
    var mint = EventLogMint(.agile([.sha256]))
    mint.measure(4, Self.separator, EventLogMint.separator)
    var values = mint.signed.values
    #expect(verify(mint).succeeds)
    values[2] = [UInt8](repeating: 1, count: 32)
    let outcome = verify(mint, MeasuredRegisters(pcrs: values, algorithm: .sha256))
    #expect(outcome.failed == ["eventlog.replay"] && outcome.reason.contains("sha256.pcr2"))
  }

  @Test func registersOfTheSystemWithoutEventsAreNotCompared() {
    let mint = EventLogMint.machine(.agile([.sha256]))
    var values = mint.signed.values
    for index in [10, 15, 16, 23] { values[index] = [UInt8](repeating: 1, count: 32) }
    let outcome = verify(mint, MeasuredRegisters(pcrs: values, algorithm: .sha256))
    #expect(outcome.succeeds && outcome.boot?.registers.contains("sha256.pcr10") == false)
    // A register that the log is about is held against it to the end.
    values[8] = [UInt8](repeating: 1, count: 32)
    #expect(verify(mint, MeasuredRegisters(pcrs: values, algorithm: .sha256)).failed == ["eventlog.replay"])
  }

  @Test func aLogOfNothingThatWasSignedProvesNothing() {
    let mint = EventLogMint.machine(.agile([.sha256]))
    let others = MeasuredRegisters(
      pcrs: [15: BankAlgorithm.sha256.zeros, 16: BankAlgorithm.sha256.zeros], algorithm: .sha256)
    #expect(verify(mint, others).failed == ["eventlog.replay"])
    #expect(verify(mint, MeasuredRegisters(pcrs: [:], algorithm: .sha256)).failed == ["eventlog.replay"])
    let note = EventLogMint(.agile([.sha256]))
    #expect(verify(note).failed == ["eventlog.replay"], "registers of zeros and a log of nothing agree about nothing")
  }

  @Test func theSignedBankIsTheOneThatCounts() {
    let mint = EventLogMint.machine(.agile([.sha1, .sha256]))
    let sha1 = MeasuredRegisters(pcrs: mint.registers[.sha1] ?? [:], algorithm: .sha1)
    #expect(verify(mint, sha1).succeeds)
    let sha384 = MeasuredRegisters(pcrs: [0: BankAlgorithm.sha384.zeros], algorithm: .sha384)
    #expect(verify(mint, sha384).failed == ["eventlog.replay"])
    // What one bank says of an event says nothing of another bank.
    var split = EventLogMint(.agile([.sha1, .sha256]))
    split.write(7, 0x8000_0001, logged: EventLogMint.variable("SecureBoot", [1])) {
      $0.hash(EventLogMint.variable("SecureBoot", [$0 == .sha1 ? 1 : 0]))
    }
    let zero = BankAlgorithm.sha256
    let value = zero.extend(zero.zeros, with: zero.hash(EventLogMint.variable("SecureBoot", [0])))
    #expect(verify(split, MeasuredRegisters(pcrs: [7: value], algorithm: .sha256)).failed == ["eventlog.data"])
  }

  @Test func absentAndEmptyAreTwoThings() {
    var checks = CheckList()
    let registers = EventLogMint.machine(.legacy).signed
    let none = MeasurementLogs().verify(against: registers, into: &checks)
    #expect(none.boot == nil && checks.holds)
    #expect(checks.checks.allSatisfy { if case .notApplicable = $0.outcome { true } else { false } })
    #expect(verify([], registers).failed == ["eventlog.format"])
  }

  // MARK: Separators

  @Test(arguments: layouts) func separatorsAreKnownByTheirDigests(_ layout: EventLogMint.Layout) {
    let register = layout == .ccel ? 1 : 4
    for (type, hashed, logged) in [
      (5, EventLogMint.separator, EventLogMint.separator), (13, EventLogMint.separator, Array("grub".utf8)),
      (Self.separator, [7], EventLogMint.separator), (Self.separator, Array("WBCL".utf8), Array("WBCL".utf8)),
      (Self.separator, EventLogMint.separator, [0, 0, 0]), (1, [0xff, 0xff, 0xff, 0xff], [1]),
    ] {
      var mint = EventLogMint.machine(layout)
      mint.measure(register, type, hashed: hashed, logged: logged)
      #expect(verify(mint).failed == ["eventlog.data"], "type \(type), \(logged)")
    }
    // Registers of the operating system are not closed by anybody.
    var mint = EventLogMint.machine(layout)
    mint.measure(layout == .ccel ? 2 : 13, Self.separator, Array("WBCL".utf8))
    #expect(verify(mint).succeeds)
  }

  @Test(arguments: layouts) func irregularSeparatorsAreFlagged(_ layout: EventLogMint.Layout) {
    let register = layout == .ccel ? 1 : 4
    var doubled = EventLogMint.machine(layout)
    doubled.measure(register, Self.separator, EventLogMint.separator)
    #expect(verify(doubled).boot?.irregularities.map(\.kind) == [.duplicateSeparator])
    var missing = EventLogMint(layout)
    missing.measure(register, Self.action, Array("Exit Boot Services Invocation".utf8))
    #expect(verify(missing).boot?.irregularities.map(\.kind) == [.missingSeparator])
    var failing = EventLogMint(layout)
    failing.measure(register, Self.separator, [1, 0, 0, 0])
    #expect(verify(failing).boot?.irregularities.map(\.kind) == [.errorSeparator])
  }

  // MARK: Facts

  @Test(arguments: [0x8000_0001, 0x8000_00e0, 0x0d] as [UInt32])
  func whatIsExtendedAfterTheSeparatorIsNotTheFirmwaresWord(_ type: UInt32) throws {
    var mint = EventLogMint.machine(.agile([.sha256]), secureBoot: false)
    mint.variable("SecureBoot", [1], type: type)
    let boot = try #require(verify(mint).boot)
    #expect(boot.secureBoot == false)
    #expect(boot.irregularities.map(\.kind) == [.lateVariable])
  }

  @Test func twoStatesOfSecureBootAreNone() throws {
    var mint = EventLogMint(.agile([.sha256]))
    mint.variable("SecureBoot", [0])
    mint.variable("SecureBoot", [1])
    mint.measure(7, Self.separator, EventLogMint.separator)
    let boot = try #require(verify(mint).boot)
    #expect(boot.secureBoot == nil)
    #expect(boot.irregularities.map(\.kind) == [.repeatedVariable])
    var open = EventLogMint(.agile([.sha256]))
    open.variable("SecureBoot", [1])
    #expect(verify(open).boot?.secureBoot == nil, "nothing says where the firmware's word ends")
  }

  @Test(arguments: [[], [0], [2], [1, 1]] as [[UInt8]]) func onlyOneMeansOn(_ value: [UInt8]) {
    var mint = EventLogMint(.agile([.sha256]))
    mint.variable("SecureBoot", value)
    mint.measure(7, Self.separator, EventLogMint.separator)
    #expect(verify(mint).boot?.secureBoot == false)
  }

  @Test func whatFirmwareHashesMustBeWhatItLogs() {
    for type in [0x8000_0001, 0x8000_0006, Self.action] as [UInt32] {
      var mint = EventLogMint.machine(.agile([.sha256]))
      mint.measure(5, type, hashed: [1], logged: [2])
      #expect(verify(mint).failed == ["eventlog.data"], "type \(type)")
    }
    var hearsay = EventLogMint.machine(.agile([.sha256]))
    hearsay.measure(12, 13, hashed: Array("init=/bin/sh".utf8), logged: EventLogMint.text("quiet"))
    let outcome = verify(hearsay)
    #expect(outcome.succeeds && outcome.boot?.loaderTexts.contains("quiet") == false)
    #expect(outcome.boot?.loaderTextsAreComplete == false)
  }

  @Test func textsOfSystemdsStubAreProved() {
    var mint = EventLogMint.machine(.agile([.sha256]))
    mint.measure(12, 13, EventLogMint.text("root=/dev/vda quiet"))
    let outcome = verify(mint)
    #expect(outcome.boot?.loaderTexts.last == "root=/dev/vda quiet" && outcome.boot?.loaderTextsAreComplete == true)
  }

  @Test func aSectionNeedsItsNameJustBefore() {
    var mint = EventLogMint.machine(.agile([.sha256]))
    let label = EventLogMint.text(".cmdline")
    mint.measure(11, 13, hashed: [1], logged: label)
    mint.measure(11, 13, hashed: Array(".cmdline\0".utf8), logged: label)
    mint.measure(11, 13, hashed: [2], logged: EventLogMint.text(".other"))
    #expect(verify(mint).boot?.sections.map(\.name) == [".linux", ".initrd"])
  }

  @Test func phasesThatSystemdExtendsAfterTheLogAreExplained() throws {
    let mint = EventLogMint.machine(.agile([.sha256]))
    let bank = BankAlgorithm.sha256
    func signed(_ words: [String]) -> MeasuredRegisters {
      var values = mint.signed.values
      values[11] = words.reduce(values[11] ?? []) { bank.extend($0, with: bank.hash(Array($1.utf8))) }
      return MeasuredRegisters(pcrs: values, algorithm: bank)
    }
    let phases = ["enter-initrd", "leave-initrd", "sysinit", "ready"]
    #expect(verify(mint, signed(phases)).boot?.phases == phases)
    #expect(verify(mint, signed(phases)).boot?.sections.count == 2)
    #expect(verify(mint, signed(["sysinit", "ready"])).boot?.phases == ["sysinit", "ready"])
    for wrong in [["leave-initrd"], ["enter-initrd", "sysinit"], ["ready"], ["enter-initrd", "leave-initrd", "evil"]] {
      #expect(verify(mint, signed(wrong)).failed == ["eventlog.replay"], "\(wrong)")
    }
  }

  // MARK: Layout

  @Test func localityIsBelievedOnceAndBeforePCR0() {
    for locality in [0, 3, 4] as [UInt8] {
      var mint = EventLogMint(.agile([.sha256]))
      mint.startup(locality: locality)
      mint.measure(0, Self.separator, EventLogMint.separator)
      #expect(verify(mint).succeeds, "locality \(locality)")
    }
    var late = EventLogMint.machine(.agile([.sha256]))
    late.startup(locality: 3)
    #expect(verify(late).failed == ["eventlog.format"])
    var twice = EventLogMint(.agile([.sha256]))
    twice.startup(locality: 3)
    twice.startup(locality: 3)
    twice.measure(0, Self.separator, EventLogMint.separator)
    #expect(verify(twice).failed == ["eventlog.format"])
    for (register, data) in [(0, [5]), (0, []), (0, [3, 0]), (1, [3])] as [(Int, [UInt8])] {
      var wrong = EventLogMint(.agile([.sha256]))
      wrong.note(register, Array("StartupLocality\0".utf8) + data)
      wrong.measure(1, Self.separator, EventLogMint.separator)
      #expect(verify(wrong).failed == ["eventlog.format"], "\(register) \(data)")
    }
  }

  @Test func whatIsNotExtendedHasNoDigest() {
    var mint = EventLogMint(.agile([.sha256]))
    mint.write(0, 3, logged: [1, 2]) { $0.hash([1, 2]) }
    mint.measure(0, Self.separator, EventLogMint.separator)
    #expect(verify(mint).succeeds, "Windows writes that of the data")
    mint.write(0, 3, logged: [1, 2]) { $0.hash([3]) }
    #expect(verify(mint).failed == ["eventlog.format"])
  }

  @Test func paddingIsThatOfAGuest() throws {
    let guest = EventLogMint.machine(.ccel)
    for byte in [0, 0xff] as [UInt8] {
      var padded = guest
      padded.append([UInt8](repeating: byte, count: 1000))
      #expect(verify(padded).succeeds)
      #expect(try EventLog(parsing: padded.bytes, for: .rtmrs).paddingCount == 1000)
      padded.append([1])
      #expect(verify(padded).failed == ["eventlog.format"])
      var machine = EventLogMint.machine(.agile([.sha256]))
      machine.append([UInt8](repeating: byte, count: 1000))
      #expect(verify(machine).failed == ["eventlog.format"])
    }
    var mixed = guest
    mixed.append([0, 0, 0xff, 0xff])
    #expect(verify(mixed).failed == ["eventlog.format"])
  }

  @Test func registersAreThoseThatThereAre() {
    for (layout, registers) in [(EventLogMint.Layout.agile([.sha256]), [24, 255, -1]), (.ccel, [-1, 4, 7])] {
      for register in registers {
        var mint = EventLogMint.machine(layout)
        let signed = mint.signed
        mint.measure(register, 13, [1])
        #expect(verify(mint, signed).failed == ["eventlog.format"], "\(layout) \(register)")
      }
    }
    // A guest's log is none of a TPM, nor the other way round.
    #expect(!verify(EventLogMint.machine(.ccel), EventLogMint.machine(.agile([.sha384])).signed).failed.isEmpty)
    #expect(verify(EventLogMint.machine(.legacy), EventLogMint.machine(.ccel).signed).failed == ["eventlog.format"])
  }

  @Test func limitsHold() {
    let mint = EventLogMint.machine(.legacy)
    var long = mint
    for _ in 0..<EventLog.Limits.events { long.append([UInt8](repeating: 0, count: 32)) }
    #expect(verify(long).failed == ["eventlog.format"])
    #expect(verify([UInt8](repeating: 0, count: EventLog.Limits.bytes + 1), mint.signed).failed == ["eventlog.format"])
    // A size that no log can have, before anything of it is taken.
    var huge = mint
    huge.append([0, 0, 0, 0, 1, 0, 0, 0] + [UInt8](repeating: 0, count: 20) + [0xff, 0xff, 0xff, 0xff])
    #expect(verify(huge).failed == ["eventlog.format"])
  }

  // MARK: dstack

  @Test func dstacksDigestsAreRecomputed() throws {
    let digest = DstackEventLog.preimage(type: .dstackRuntime, name: "app-id", payload: [0xab])
    #expect(digest == [1, 0, 0, 8, 0x3a] + Array("app-id".utf8) + [0x3a, 0xab])
    let value = BankAlgorithm.sha384.extend(BankAlgorithm.sha384.zeros, with: SHA384.hash(digest))
    var values = Dictionary(uniqueKeysWithValues: (0...3).map { ($0, BankAlgorithm.sha384.zeros) })
    values[3] = value
    let registers = MeasuredRegisters(rtmrs: values)
    func log(_ digest: String, name: String = "app-id", payload: String = "ab", type: Int64 = 0x0800_0001) -> [UInt8] {
      let event: JSON = [
        "imr": 3, "event_type": .integer(type), "digest": .string(digest), "event": .string(name),
        "event_payload": .string(payload),
      ]
      return JSON.array([event]).canonicalBytes()
    }
    for sound in [log(""), log(Hex.encode(SHA384.hash(digest)))] {
      let outcome = verify(sound, registers)
      #expect(outcome.succeeds, "\(outcome.reason)")
      #expect(outcome.boot?.applicationEvents.map(\.name) == ["app-id"])
    }
    #expect(verify(log("", name: "app-ie"), registers).failed == ["eventlog.replay"])
    #expect(verify(log("", payload: "ac"), registers).failed == ["eventlog.replay"])
    #expect(verify(log(Hex.encode(SHA384.hash([1]))), registers).failed == ["eventlog.format"])
    #expect(verify(log("", type: 13), registers).failed == ["eventlog.format"], "only named events may do without")
    #expect(verify(log("ab"), registers).failed == ["eventlog.format"])
    #expect(verify(Array("[]".utf8), registers).failed == ["eventlog.format"])
    #expect(verify(log(""), EventLogMint.machine(.legacy).signed).failed == ["eventlog.format"])
  }
}
