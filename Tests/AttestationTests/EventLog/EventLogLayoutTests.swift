import AttestationMint
import Testing

@testable import Attestation

/// The layouts of logs, to the byte: what is not exactly one is refused before anything is replayed.
@Suite struct EventLogLayoutTests {
  @Test func localityIsBelievedOnceAndBeforePCR0() {
    for locality in [0, 3, 4] as [UInt8] {
      var mint = EventLogMint(.agile([.sha256]))
      mint.startup(locality: locality)
      mint.measure(0, EventLogRuleTests.separator, EventLogMint.separator)
      #expect(EventLogOutcome.of(mint).succeeds, "locality \(locality)")
    }
    var late = EventLogMint(.agile([.sha256]))
    late.measure(0, EventLogRuleTests.separator, EventLogMint.separator)
    let begun = late.signed
    late.startup(locality: 3)
    #expect(EventLogOutcome.of(late, begun).failed == ["eventlog.format"])
    var twice = EventLogMint(.agile([.sha256]))
    twice.startup(locality: 3)
    twice.startup(locality: 3)
    twice.measure(0, EventLogRuleTests.separator, EventLogMint.separator)
    #expect(EventLogOutcome.of(twice).failed == ["eventlog.format"])
    for (register, data) in [(0, [5]), (0, []), (0, [3, 0]), (1, [3])] as [(Int, [UInt8])] {
      var wrong = EventLogMint(.agile([.sha256]))
      wrong.note(register, Array("StartupLocality\0".utf8) + data)
      wrong.measure(1, EventLogRuleTests.separator, EventLogMint.separator)
      #expect(EventLogOutcome.of(wrong).failed == ["eventlog.format"], "\(register) \(data)")
    }
  }

  @Test func whatIsNotExtendedHasNoDigest() {
    var mint = EventLogMint(.agile([.sha256]))
    mint.write(0, 3, logged: [1, 2]) { $0.hash([1, 2]) }
    mint.measure(0, EventLogRuleTests.separator, EventLogMint.separator)
    #expect(EventLogOutcome.of(mint).succeeds, "Windows writes that of the data")
    mint.write(0, 3, logged: [1, 2]) { $0.hash([3]) }
    #expect(EventLogOutcome.of(mint).failed == ["eventlog.format"])
  }

  @Test func paddingIsThatOfAGuest() throws {
    let guest = EventLogMint.machine(.ccel)
    for byte in [0, 0xff] as [UInt8] {
      var padded = guest
      padded.append([UInt8](repeating: byte, count: 1000))
      #expect(EventLogOutcome.of(padded).succeeds)
      #expect(try EventLog(parsing: padded.bytes, for: .rtmrs).paddingCount == 1000)
      padded.append([1])
      #expect(EventLogOutcome.of(padded).failed == ["eventlog.format"])
      var machine = EventLogMint.machine(.agile([.sha256]))
      machine.append([UInt8](repeating: byte, count: 1000))
      #expect(EventLogOutcome.of(machine).failed == ["eventlog.format"])
    }
    var mixed = guest
    mixed.append([0, 0, 0xff, 0xff])
    #expect(EventLogOutcome.of(mixed).failed == ["eventlog.format"])
  }

  @Test func registersAreThoseThatThereAre() {
    for (layout, registers) in [(EventLogMint.Layout.agile([.sha256]), [24, 255, -1]), (.ccel, [-1, 4, 7])] {
      for register in registers {
        var mint = EventLogMint.machine(layout)
        let signed = mint.signed
        mint.measure(register, 13, [1])
        #expect(EventLogOutcome.of(mint, signed).failed == ["eventlog.format"], "\(layout) \(register)")
      }
    }
    // A guest's log is none of a TPM, nor the other way round.
    #expect(
      !EventLogOutcome.of(EventLogMint.machine(.ccel), EventLogMint.machine(.agile([.sha384])).signed).failed.isEmpty)
    #expect(
      EventLogOutcome.of(EventLogMint.machine(.legacy), EventLogMint.machine(.ccel).signed).failed == [
        "eventlog.format"
      ])
  }

  @Test func limitsHold() {
    let mint = EventLogMint.machine(.legacy)
    var long = mint
    for _ in 0..<EventLog.Limits.events { long.append([UInt8](repeating: 0, count: 32)) }
    #expect(EventLogOutcome.of(long).failed == ["eventlog.format"])
    #expect(
      EventLogOutcome.of([UInt8](repeating: 0, count: EventLog.Limits.bytes + 1), mint.signed).failed == [
        "eventlog.format"
      ])
    var large = mint
    large.note(0, [UInt8](repeating: 1, count: EventLog.Limits.bytes))
    #expect(EventLogOutcome.of(large).failed == ["eventlog.format"])
    // A size that no log can have, before anything of it is taken.
    var huge = mint
    huge.append([0, 0, 0, 0, 1, 0, 0, 0] + [UInt8](repeating: 0, count: 20) + [0xff, 0xff, 0xff, 0xff])
    #expect(EventLogOutcome.of(huge).failed == ["eventlog.format"])
  }

  // MARK: Banks

  @Test func noEventHasADigestTwiceOrOfAnotherBank() {
    let mint = EventLogMint.machine(.agile([.sha1, .sha256]))
    let fields = EventLogField.all(in: mint.bytes)
    guard let count = fields.last(where: { $0.kind == .count })?.range.lowerBound else {
      Issue.record("a log without counts")
      return
    }
    for (offset, byte) in [(count, 1), (count, 3), (count + 1, 1), (count + 4, 0x0b), (count + 4, 0x0c)]
      as [(Int, UInt8)]
    {
      var changed = mint.bytes
      changed[offset] = byte
      #expect(EventLogOutcome.of(changed, mint.signed).failed == ["eventlog.format"], "\(offset - count)")
    }
    // The other order is as good, twice the same is not.
    let sha1 = Array(mint.bytes[count + 4..<count + 26])
    let sha256 = Array(mint.bytes[count + 26..<count + 60])
    for (digests, isSound) in [(sha256 + sha1, true), (sha256 + sha256, false), (sha1 + sha1, false)] {
      let changed = mint.bytes[..<(count + 4)] + digests + mint.bytes[(count + 60)...]
      #expect(EventLogOutcome.of(Array(changed), mint.signed).succeeds == isSound)
    }
  }

  /// Windows logs what it measures in the bank that it uses, below firmware that logs them all.
  @Test func aBankThatAnEventIsLeftOutOfIsNotReplayed() throws {
    let mint = EventLogMint.partlyLogged()
    let log = try EventLog(parsing: mint.bytes, for: .pcrs)
    #expect(log.banks == [.sha256])
    let sha256 = MeasuredRegisters(pcrs: try #require(mint.registers[.sha256]), algorithm: .sha256)
    #expect(EventLogOutcome.of(mint, sha256).succeeds)
    // The other bank holds what its digests yield; whether it was extended with the rest, the log does not say.
    let sha384 = MeasuredRegisters(pcrs: try #require(mint.registers[.sha384]), algorithm: .sha384)
    #expect(EventLogOutcome.of(mint, sha384).failed == ["eventlog.replay"])
    // What is extended nowhere needs no digests.
    var noted = EventLogMint.machine(.agile([.sha384, .sha256]))
    noted.write(0, 3, logged: [1], in: [.sha256]) { $0.zeros }
    #expect(try EventLog(parsing: noted.bytes, for: .pcrs).banks == [.sha384, .sha256])
    // An event that was extended in no bank is none.
    var empty = mint
    empty.write(12, 6, logged: [1], in: []) { $0.zeros }
    #expect(EventLogOutcome.of(empty, sha256).failed == ["eventlog.format"])
  }

  /// Offsets in the first event: digest at 8, Spec ID data at 32.
  @Test func theSpecIDEventHasItsExactShape() {
    let mint = EventLogMint.machine(.agile([.sha256]))
    let wrong: [(Int, UInt8)] = [
      (8, 1), (27, 1), (48, 2), (51, 1), (52, 1), (53, 1), (55, 0), (55, 3), (56, 0), (56, 9), (59, 1), (62, 31),
      (62, 33),
      (64, 1), (64, 255), (0, 1), (3, 1),
    ]
    for (offset, byte) in wrong {
      var changed = mint.bytes
      changed[offset] = byte
      #expect(EventLogOutcome.of(changed, mint.signed).failed == ["eventlog.format"], "\(offset)")
    }
    // One byte more in it, with its size told truly.
    var longer = mint.bytes
    longer[28] += 1
    longer.insert(0, at: 65)
    #expect(EventLogOutcome.of(longer, mint.signed).failed == ["eventlog.format"])
    // A hash that this program does not compute is passed over, at a size that a hash can have.
    for (size, isSound) in [(32, true), (0, false), (15, false), (65, false)] as [(UInt8, Bool)] {
      var other = Array(mint.bytes[..<56]) + [1, 0, 0, 0, 0x12, 0, size, 0, 0]
      other[28] = 33
      let outcome = EventLogOutcome.of(other, mint.signed)
      #expect(outcome.failed == [isSound ? "eventlog.replay" : "eventlog.format"], "\(size)")
    }
  }

  @Test func aGuestsLogIsNotALegacyOne() {
    var mint = EventLogMint(.legacy)
    mint.measure(1, 1, [1])
    #expect(EventLogOutcome.of(mint.bytes, EventLogMint.machine(.ccel).signed).failed == ["eventlog.format"])
  }
}
