import AttestationMint
import CanonicalJSON
import Cryptography
import Testing

@testable import Attestation

/// Rules that no log of a real machine breaks, or none that we have: on logs made for them.
@Suite struct EventLogRuleTests {
  static let separator: UInt32 = 4
  static let action: UInt32 = 0x8000_0007
  static let layouts = [EventLogMint.Layout.agile([.sha256]), .agile([.sha1, .sha384]), .legacy, .ccel]

  @Test(arguments: layouts) func aSoundLogHoldsAndSaysWhatIsHashed(_ layout: EventLogMint.Layout) throws {
    let outcome = EventLogOutcome.of(EventLogMint.machine(layout))
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
    #expect(EventLogOutcome.of(EventLogMint.machine(layout, secureBoot: false)).boot?.secureBoot == false)
  }

  @Test(arguments: layouts) func leftOutEventsAreAMismatch(_ layout: EventLogMint.Layout) {
    let whole = EventLogMint.machine(layout)
    var part = EventLogMint(layout)
    part.firmware()
    #expect(EventLogOutcome.of(part, whole.signed).failed == ["eventlog.replay"])
    #expect(EventLogOutcome.of(whole, part.signed).failed == ["eventlog.replay"])
    #expect(
      EventLogOutcome.of(EventLogMint(layout).bytes.isEmpty ? [0] : EventLogMint(layout).bytes, whole.signed).boot
        == nil)
  }

  @Test func firmwareRegistersWithoutEventsAreCompared() {
    var mint = EventLogMint(.agile([.sha256]))
    mint.measure(4, Self.separator, EventLogMint.separator)
    var values = mint.signed.values
    #expect(EventLogOutcome.of(mint).succeeds)
    values[2] = [UInt8](repeating: 1, count: 32)
    let outcome = EventLogOutcome.of(mint, MeasuredRegisters(pcrs: values, algorithm: .sha256))
    #expect(outcome.failed == ["eventlog.replay"] && outcome.reason.contains("sha256.pcr2"))
  }

  @Test func registersOfTheSystemWithoutEventsAreNotCompared() {
    let mint = EventLogMint.machine(.agile([.sha256]))
    var values = mint.signed.values
    for index in [10, 15, 16, 23] { values[index] = [UInt8](repeating: 1, count: 32) }
    let outcome = EventLogOutcome.of(mint, MeasuredRegisters(pcrs: values, algorithm: .sha256))
    #expect(outcome.succeeds && outcome.boot?.registers.contains("sha256.pcr10") == false)
    // A register that the log is about is held against it to the end.
    values[8] = [UInt8](repeating: 1, count: 32)
    #expect(EventLogOutcome.of(mint, MeasuredRegisters(pcrs: values, algorithm: .sha256)).failed == ["eventlog.replay"])
  }

  @Test func aLogOfNothingThatWasSignedProvesNothing() {
    let mint = EventLogMint.machine(.agile([.sha256]))
    let others = MeasuredRegisters(
      pcrs: [15: BankAlgorithm.sha256.zeros, 16: BankAlgorithm.sha256.zeros], algorithm: .sha256)
    #expect(EventLogOutcome.of(mint, others).failed == ["eventlog.replay"])
    #expect(EventLogOutcome.of(mint, MeasuredRegisters(pcrs: [:], algorithm: .sha256)).failed == ["eventlog.replay"])
    let note = EventLogMint(.agile([.sha256]))
    #expect(
      EventLogOutcome.of(note).failed == ["eventlog.replay"],
      "registers of zeros and a log of nothing agree about nothing")
  }

  @Test func theSignedBankIsTheOneThatCounts() {
    let mint = EventLogMint.machine(.agile([.sha1, .sha256]))
    let sha1 = MeasuredRegisters(pcrs: mint.registers[.sha1] ?? [:], algorithm: .sha1)
    #expect(EventLogOutcome.of(mint, sha1).succeeds)
    let sha384 = MeasuredRegisters(pcrs: [0: BankAlgorithm.sha384.zeros], algorithm: .sha384)
    #expect(EventLogOutcome.of(mint, sha384).failed == ["eventlog.replay"])
    // What one bank says of an event says nothing of another bank.
    var split = EventLogMint(.agile([.sha1, .sha256]))
    split.write(7, 0x8000_0001, logged: EventLogMint.variable("SecureBoot", [1])) {
      $0.hash(EventLogMint.variable("SecureBoot", [$0 == .sha1 ? 1 : 0]))
    }
    let zero = BankAlgorithm.sha256
    let value = zero.extend(zero.zeros, with: zero.hash(EventLogMint.variable("SecureBoot", [0])))
    #expect(
      EventLogOutcome.of(split, MeasuredRegisters(pcrs: [7: value], algorithm: .sha256)).failed == ["eventlog.data"])
  }

  @Test func absentAndEmptyAreTwoThings() {
    var checks = CheckList()
    let registers = EventLogMint.machine(.legacy).signed
    let none = MeasurementLogs().verify(against: registers, into: &checks)
    #expect(none.boot == nil && checks.holds)
    #expect(checks.checks.allSatisfy { if case .notApplicable = $0.outcome { true } else { false } })
    let empty = EventLogOutcome.of([], registers)
    #expect(empty.failed == ["eventlog.format"] && empty.reason.contains("a log of no bytes"))
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
      let outcome = EventLogOutcome.of(mint)
      #expect(outcome.failed == ["eventlog.data"] && outcome.boot == nil, "type \(type), \(logged)")
    }
    // Registers of the operating system are not closed by anybody.
    var mint = EventLogMint.machine(layout)
    mint.measure(layout == .ccel ? 2 : 13, Self.separator, Array("WBCL".utf8))
    #expect(EventLogOutcome.of(mint).succeeds)
  }

  @Test func whatMerelyHasTheDigestOfASeparatorIsNone() {
    for (layout, register) in [(EventLogMint.Layout.agile([.sha256]), 1), (.ccel, 0)] {
      for type in [0x8000_0002, 0x8000_000c] as [UInt32] {
        // Of boot variables firmware hashes the value alone.
        var mint = EventLogMint.machine(layout)
        let order = EventLogMint.variable("BootOrder", [1, 0, 0, 0])
        mint.measure(register, type, hashed: [1, 0, 0, 0], logged: order)
        let outcome = EventLogOutcome.of(mint)
        #expect(outcome.succeeds && outcome.boot?.irregularities.isEmpty == true, "\(outcome.reason)")
        mint.measure(register, type, hashed: EventLogMint.separator, logged: order)
        #expect(EventLogOutcome.of(mint).failed == ["eventlog.data"], "another value than was hashed")
      }
    }
    for (layout, register, isSound) in [
      (EventLogMint.Layout.agile([.sha256]), 0, true), (.agile([.sha256]), 4, false), (.ccel, 0, false),
    ] {
      var mint = EventLogMint.machine(layout)
      mint.measure(register, 7, hashed: EventLogMint.separator, logged: Array("FIT".utf8))
      #expect(EventLogOutcome.of(mint).succeeds == isSound, "\(layout) \(register)")
    }
  }

  @Test(arguments: layouts) func irregularSeparatorsAreFlagged(_ layout: EventLogMint.Layout) {
    let register = layout == .ccel ? 1 : 4
    var doubled = EventLogMint.machine(layout)
    doubled.measure(register, Self.separator, EventLogMint.separator)
    #expect(EventLogOutcome.of(doubled).boot?.irregularities.map(\.kind) == [.duplicateSeparator])
    var missing = EventLogMint(layout)
    missing.measure(register, Self.action, Array("Exit Boot Services Invocation".utf8))
    #expect(EventLogOutcome.of(missing).boot?.irregularities.map(\.kind) == [.missingSeparator])
    var failing = EventLogMint(layout)
    failing.measure(register, Self.separator, [1, 0, 0, 0])
    #expect(EventLogOutcome.of(failing).boot?.irregularities.map(\.kind) == [.errorSeparator])
  }

  // MARK: Facts

  @Test(arguments: [0x8000_0001, 0x8000_00e0, 0x0d] as [UInt32])
  func whatIsExtendedAfterTheSeparatorIsNotTheFirmwaresWord(_ type: UInt32) throws {
    var mint = EventLogMint.machine(.agile([.sha256]), secureBoot: false)
    mint.variable("SecureBoot", [1], type: type)
    let boot = try #require(EventLogOutcome.of(mint).boot)
    #expect(boot.secureBoot == false)
    #expect(boot.irregularities.map(\.kind) == [.lateVariable])
  }

  @Test func twoStatesOfSecureBootAreNone() throws {
    var mint = EventLogMint(.agile([.sha256]))
    mint.variable("SecureBoot", [0])
    mint.variable("SecureBoot", [1])
    mint.measure(7, Self.separator, EventLogMint.separator)
    let boot = try #require(EventLogOutcome.of(mint).boot)
    #expect(boot.secureBoot == nil)
    #expect(boot.irregularities.map(\.kind) == [.repeatedVariable])
    var open = EventLogMint(.agile([.sha256]))
    open.variable("SecureBoot", [1])
    #expect(EventLogOutcome.of(open).boot?.secureBoot == nil, "nothing says where the firmware's word ends")
  }

  @Test(arguments: [[], [0], [2], [1, 1]] as [[UInt8]]) func onlyOneMeansOn(_ value: [UInt8]) {
    var mint = EventLogMint(.agile([.sha256]))
    mint.variable("SecureBoot", value)
    mint.measure(7, Self.separator, EventLogMint.separator)
    #expect(EventLogOutcome.of(mint).boot?.secureBoot == false)
  }

  @Test func whatFirmwareHashesMustBeWhatItLogs() {
    for type in [0x8000_0001, 0x8000_0006, Self.action] as [UInt32] {
      var mint = EventLogMint.machine(.agile([.sha256]))
      mint.measure(5, type, hashed: [1], logged: [2])
      #expect(EventLogOutcome.of(mint).failed == ["eventlog.data"], "type \(type)")
    }
    var hearsay = EventLogMint.machine(.agile([.sha256]))
    hearsay.measure(12, 13, hashed: Array("init=/bin/sh".utf8), logged: EventLogMint.text("quiet"))
    let outcome = EventLogOutcome.of(hearsay)
    #expect(outcome.succeeds && outcome.boot?.loaderTexts.contains("quiet") == false)
    #expect(outcome.boot?.loaderTextsAreComplete == false)
  }

  @Test func aTextThatIsNotWhatWasHashedIsNone() {
    var mint = EventLogMint.machine(.agile([.sha256]))
    mint.measure(8, 13, hashed: Array("init=/bin/sh".utf8), logged: Array("kernel_cmdline: quiet\0".utf8))
    let outcome = EventLogOutcome.of(mint)
    #expect(outcome.boot?.loaderTexts.contains("quiet") == false && outcome.boot?.loaderTextsAreComplete == false)
    // Nor is one of a register that nobody signed.
    var values = mint.signed.values
    values[8] = nil
    values[11] = nil
    let unsigned = EventLogOutcome.of(mint, MeasuredRegisters(pcrs: values, algorithm: .sha256))
    #expect(unsigned.succeeds && unsigned.boot?.loaderTexts.isEmpty == true && unsigned.boot?.sections.isEmpty == true)
  }

  @Test func aVariableIsExactlyOne() {
    let sound = EventLogMint.variable("SecureBoot", [1])
    var huge = sound
    huge.replaceSubrange(16..<24, with: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])
    for data in [sound + [0], Array(sound.dropLast()), huge] {
      var mint = EventLogMint(.agile([.sha256]))
      mint.measure(7, 0x8000_0001, data)
      mint.measure(7, Self.separator, EventLogMint.separator)
      let outcome = EventLogOutcome.of(mint)
      #expect(outcome.succeeds && outcome.boot?.secureBoot == nil && outcome.boot?.variables.isEmpty == true)
    }
  }

  @Test func textsOfSystemdsStubAreProved() {
    var mint = EventLogMint.machine(.agile([.sha256]))
    mint.measure(12, 13, EventLogMint.text("root=/dev/vda quiet"))
    let outcome = EventLogOutcome.of(mint)
    #expect(outcome.boot?.loaderTexts.last == "root=/dev/vda quiet" && outcome.boot?.loaderTextsAreComplete == true)
  }

  @Test func aSectionNeedsItsNameJustBefore() {
    var mint = EventLogMint.machine(.agile([.sha256]))
    let label = EventLogMint.text(".cmdline")
    mint.measure(11, 13, hashed: [1], logged: label)
    mint.measure(11, 13, hashed: Array(".cmdline\0".utf8), logged: label)
    mint.measure(11, 13, hashed: [2], logged: EventLogMint.text(".other"))
    #expect(EventLogOutcome.of(mint).boot?.sections.map(\.name) == [".linux", ".initrd"])
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
    #expect(EventLogOutcome.of(mint, signed(phases)).boot?.phases == phases)
    #expect(EventLogOutcome.of(mint, signed(phases)).boot?.sections.count == 2)
    #expect(EventLogOutcome.of(mint, signed(["sysinit", "ready"])).boot?.phases == ["sysinit", "ready"])
    for wrong in [["leave-initrd"], ["enter-initrd", "sysinit"], ["ready"], ["enter-initrd", "leave-initrd", "evil"]] {
      #expect(EventLogOutcome.of(mint, signed(wrong)).failed == ["eventlog.replay"], "\(wrong)")
    }
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
      let outcome = EventLogOutcome.of(sound, registers)
      #expect(outcome.succeeds, "\(outcome.reason)")
      #expect(outcome.boot?.applicationEvents.map(\.name) == ["app-id"])
    }
    #expect(EventLogOutcome.of(log("", name: "app-ie"), registers).failed == ["eventlog.replay"])
    #expect(EventLogOutcome.of(log("", payload: "ac"), registers).failed == ["eventlog.replay"])
    #expect(EventLogOutcome.of(log(Hex.encode(SHA384.hash([1]))), registers).failed == ["eventlog.format"])
    #expect(
      EventLogOutcome.of(log("", type: 13), registers).failed == ["eventlog.format"], "only named events may do without"
    )
    #expect(EventLogOutcome.of(log("ab"), registers).failed == ["eventlog.format"])
    #expect(EventLogOutcome.of(log("ab", type: 13), registers).failed == ["eventlog.format"])
    #expect(EventLogOutcome.of(Array("[]".utf8), registers).failed == ["eventlog.format"])
    #expect(EventLogOutcome.of(log(""), EventLogMint.machine(.legacy).signed).failed == ["eventlog.format"])
  }
}
