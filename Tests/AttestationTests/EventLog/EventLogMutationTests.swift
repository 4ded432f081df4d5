import AttestationMint
import TestSupport
import Testing

@testable import Attestation

/// Every changed byte of a header is refused for the reason that it is about, or is one of these, which nothing rests on:
///
/// 1. a digest of another bank than the signed one;
/// 2. the type of an event, where the digest says enough: which type it is changes no fact;
/// 3. errata, class and word size in the Spec ID event, and the register of an event that is not extended;
/// 4. where the data of the last event ends and padding begins, if nobody hashes that data.
///
/// Changed data, which most types do not hash, may take facts away and never adds or changes one.
@Suite struct EventLogMutationTests {
  struct Subject {
    let bytes: [UInt8]
    let registers: MeasuredRegisters
    let claims: MeasurementClaims

    init(_ bytes: [UInt8], _ registers: MeasuredRegisters) throws {
      self.bytes = bytes
      self.registers = registers
      var checks = CheckList()
      claims = MeasurementLogs(eventLog: bytes).verify(against: registers, into: &checks)
      try #require(checks.succeeds, "\(checks.checks)")
      try #require(claims.boot != nil)
    }

    func verify(_ mutated: [UInt8]) -> (claims: MeasurementClaims, failed: Set<String>) {
      var checks = CheckList()
      let claims = MeasurementLogs(eventLog: mutated).verify(against: registers, into: &checks)
      let failed = checks.checks.compactMap { if case .failed = $0.outcome { $0.id.name } else { nil } }
      return (claims, Set(failed))
    }
  }

  private func expectHeaderBytesMatter(_ subject: Subject, everyByte: Bool) {
    let signed = Int(subject.registers.algorithm.identifier)
    let fields = EventLogField.all(in: subject.bytes)
    let lastSize = fields.last { $0.kind == .size }?.range.lowerBound
    for (index, field) in fields.enumerated() where field.kind != .data {
      // In long logs one byte stands for its field: none is treated otherwise than its neighbours.
      let isDigest = if case .digest = field.kind { true } else { false }
      let offsets = everyByte ? Array(field.range) : [field.range.lowerBound + index % field.range.count]
      for offset in offsets {
        for flip in everyByte && !isDigest ? [0x01, 0x80] as [UInt8] : [0x01] {
          var mutated = subject.bytes
          mutated[offset] ^= flip
          let (claims, failed) = subject.verify(mutated)
          let what: Comment = "\(field.kind) of event type \(field.type) at \(offset)"
          guard failed.isEmpty else {
            #expect(failed.isSubset(of: reasons(field)), what)
            continue
          }
          #expect(claims == subject.claims, what)
          #expect(mayBeIrrelevant(field, signed: signed) || field.range.lowerBound == lastSize, what)
        }
      }
    }
  }

  private func reasons(_ field: EventLogField) -> Set<String> {
    switch field.kind {
    // Separators are found by their digests, wherever they are moved; a size that swallows what follows may leave a log of
    // fewer events.
    case .register, .digest, .type, .size: ["eventlog.format", "eventlog.replay", "eventlog.data"]
    case .count, .algorithm: ["eventlog.format"]
    case .specID: ["eventlog.format", "eventlog.replay"]
    case .data: []
    }
  }

  private func mayBeIrrelevant(_ field: EventLogField, signed: Int) -> Bool {
    switch field.kind {
    case .digest(let bank): bank != signed && field.type != 3
    case .type, .specID: true
    case .register: field.type == 3
    case .size, .count, .algorithm, .data: false
    }
  }

  @Test(arguments: [EventLogMint.Layout.agile([.sha256]), .agile([.sha1, .sha256, .sha384]), .legacy, .ccel])
  func everyByteOfEveryHeaderOfASmallLogMatters(_ layout: EventLogMint.Layout) throws {
    let mint = EventLogMint.machine(layout)
    expectHeaderBytesMatter(try Subject(mint.bytes, mint.signed), everyByte: true)
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence), arguments: EventLogVectors.pcrLogs)
  func everyHeaderOfAMachinesLogMatters(_ name: String) throws {
    let bytes = try Vectors.bytes(name)
    let log = try EventLog(parsing: bytes, for: .pcrs)
    guard name.contains("short_no_action") == false else {
      #expect(log.replay(.sha1).isEmpty, "a log of nothing but a note")
      return
    }
    let bank = try #require(log.banks.last)
    let registers = EventLogVectors.registers(of: log, bank, .pcrs)
    expectHeaderBytesMatter(try Subject(bytes, registers), everyByte: false)
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence), arguments: EventLogVectors.ccelLogs)
  func everyHeaderOfAGuestsLogMatters(_ name: String) throws {
    let bytes = try Vectors.bytes(name)
    let log = try EventLog(parsing: bytes, for: .rtmrs)
    let registers = EventLogVectors.registers(of: log, .sha384, .rtmrs)
    let end = bytes.count - max(0, log.paddingCount - 64)
    expectHeaderBytesMatter(try Subject(Array(bytes[..<end]), registers), everyByte: false)
  }

  @Test(arguments: [EventLogMint.Layout.agile([.sha256]), .legacy, .ccel])
  func changedDataTakesFactsAwayAndAddsNone(_ layout: EventLogMint.Layout) throws {
    let mint = EventLogMint.machine(layout)
    let subject = try Subject(mint.bytes, mint.signed)
    let before = try #require(subject.claims.boot)
    var harmless = 0
    for field in EventLogField.all(in: mint.bytes) where field.kind == .data {
      for offset in field.range {
        var mutated = mint.bytes
        mutated[offset] ^= 0x01
        let (claims, failed) = subject.verify(mutated)
        guard failed.isEmpty else {
          #expect(failed == ["eventlog.data"] || failed == ["eventlog.format"] || failed == ["eventlog.replay"])
          // A note of the locality is not hashed, and PCR 0 begins with it.
          if failed == ["eventlog.replay"] { #expect(field.type == 3) }
          continue
        }
        let after = try #require(claims.boot)
        harmless += 1
        #expect(after.secureBoot == before.secureBoot)
        #expect(after.variables == before.variables)
        #expect(after.authorities.isSubsequence(of: before.authorities))
        #expect(after.sections.isSubsequence(of: before.sections))
        #expect(after.loaderTexts.isSubsequence(of: before.loaderTexts))
        #expect(!after.loaderTextsAreComplete || after.loaderTexts == before.loaderTexts)
        #expect(after.irregularities == before.irregularities)
        #expect(after.registers == before.registers)
      }
    }
    #expect(harmless > 0)
  }

  @Test(arguments: [EventLogMint.Layout.agile([.sha256]), .legacy, .ccel])
  func aLogThatIsCutAnywhereIsRefused(_ layout: EventLogMint.Layout) throws {
    let mint = EventLogMint.machine(layout)
    let subject = try Subject(mint.bytes, mint.signed)
    for count in 0..<mint.bytes.count {
      #expect(!subject.verify(Array(mint.bytes[..<count])).failed.isEmpty, "\(count) bytes")
    }
    #expect(subject.verify(mint.bytes + [1]).failed == ["eventlog.format"])
  }
}

extension Array where Element: Equatable {
  /// Whether all elements appear in the other array in this order.
  func isSubsequence(of other: [Element]) -> Bool {
    var rest = other[...]
    for element in self {
      guard let index = rest.firstIndex(of: element) else { return false }
      rest = rest[(index + 1)...]
    }
    return true
  }
}
