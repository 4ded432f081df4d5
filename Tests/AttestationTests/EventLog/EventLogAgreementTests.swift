import AttestationMint
import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import Attestation

/// The page's reading of logs is a second implementation: the same checks with the same states, and the same claims to the last
/// character, on every log and on changes of it.
@Suite struct EventLogAgreementTests {
  struct Case {
    var registers: MeasuredRegisters
    /// Index of the log; nil where there is none.
    var log: Int?
    var edits: [(offset: Int, byte: UInt8)] = []
    /// How much of the log there is.
    var end = 0
    var runtime: RuntimeLog?

    var json: JSON {
      [
        "family": registers.family == .pcrs ? "pcrs" : "rtmrs", "bank": .string(registers.algorithm.rawValue),
        "values": .array(
          registers.values.sorted { $0.key < $1.key }.map { [.integer(Int64($0.key)), .string(Hex.encode($0.value))] }),
        "log": .integer(Int64(log ?? -1)), "end": .integer(Int64(end)),
        "edits": .array(edits.map { [.integer(Int64($0.offset)), .integer(Int64($0.byte))] }),
        "runtime": runtime?.json ?? .null,
      ]
    }

    func ours(_ logs: [[UInt8]]) -> JSON {
      var eventLog = log.map { Array(logs[$0][..<end]) }
      for edit in edits { eventLog?[edit.offset] = edit.byte }
      var checks = CheckList()
      let claims = MeasurementLogs(eventLog: eventLog, runtime: runtime).verify(against: registers, into: &checks)
      return [
        "checks": .array(
          checks.checks.map { ["id": .string($0.id.name), "state": .string($0.outcome.name)] }),
        "claims": .string(String(decoding: claims.json.canonicalBytes(), as: UTF8.self)),
      ]
    }
  }

  static func expectAgreement(_ logs: [[UInt8]], _ cases: [Case]) throws {
    let directory = try TemporaryDirectory()
    let page = directory.path + "/verify.html"
    let build = try Subprocess.run("\(Vectors.packageRoot)/scripts/build-verifier", ["--output", page])
    try #require(build.status == 0, "\(build.errors)")
    let document: JSON = [
      "logs": .array(logs.map { .string(Base64.encode($0)) }), "cases": .array(cases.map(\.json)),
    ]
    let listing = try directory.write(document.canonicalBytes(), to: "cases.json")
    let node = try #require(BrowserVerifier.node)
    let run = try Subprocess.run(node, ["\(Vectors.packageRoot)/Tests/Browser/measure-in-node.mjs", page, listing])
    try #require(run.status == 0, "\(run.errors)")
    let limits = JSONLimits(maxBytes: 256 << 20, allowsNoncharacters: true)
    let results = try #require(try JSON(parsing: run.output, limits: limits).array)
    try #require(results.count == cases.count)
    for (index, item) in cases.enumerated() {
      #expect(results[index] == item.ours(logs), "log \(item.log ?? -1), \(item.edits), end \(item.end)")
    }
  }

  /// One change in every field of the log, at a place and of a kind that differ from field to field, and some cuts.
  static func changes(of bytes: [UInt8], _ log: Int, _ registers: MeasuredRegisters, most: Int) -> [Case] {
    let whole = Case(registers: registers, log: log, end: bytes.count)
    var cases = [whole]
    let fields = EventLogField.all(in: bytes).filter { !$0.range.isEmpty }
    let step = max(1, fields.count / most)
    for (index, field) in fields.enumerated() where index % step == 0 {
      var changed = whole
      let offset = field.range.lowerBound + index * 7 % field.range.count
      changed.edits = [(offset, bytes[offset] ^ (1 << UInt8(index % 8)))]
      cases.append(changed)
    }
    for part in 1...4 {
      var cut = whole
      cut.end = bytes.count * part / 5
      cases.append(cut)
    }
    return cases
  }

  @Test(.enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence))
  func thePageReadsMintedLogsAlike() throws {
    var logs: [[UInt8]] = []
    var cases: [Case] = []
    for layout in EventLogRuleTests.layouts {
      var mint = EventLogMint.machine(layout)
      mint.measure(layout == .ccel ? 2 : 12, 13, EventLogMint.text("a text with ümlaut"))
      cases += Self.changes(of: mint.bytes, logs.count, mint.signed, most: 400)
      logs.append(mint.bytes)
    }
    // Texts that are none, and irregular logs.
    var odd = EventLogMint(.agile([.sha256]))
    odd.grub("grub_cmd", "nul \0 within")
    odd.measure(8, 13, [0x00, 0xd8, 0x41, 0x00, 0, 0])
    odd.measure(8, 13, hashed: [0xff, 0xfe], logged: Array("grub_cmd: ".utf8) + [0xff, 0xfe, 0])
    odd.measure(8, 13, hashed: Array("\u{FEFF}bom".utf8), logged: Array("grub_cmd: \u{FEFF}bom".utf8))
    odd.measure(12, 13, EventLogMint.text("\u{FEFF}bom"))
    odd.variable("SecureBoot", [1])
    odd.variable("SecureBoot", [1])
    odd.variable("KE\u{212A}", [1])
    // The name of a section, and what is in it.
    for hashed in [Array(".\u{301}text\0".utf8), [1]] {
      odd.measure(11, 13, hashed: hashed, logged: EventLogMint.text(".\u{301}text"))
    }
    odd.measure(7, 4, EventLogMint.separator)
    odd.measure(7, 4, [0xff, 0xff, 0xff, 0xff])
    odd.variable("PK", [1])
    odd.measure(3, 4, [1, 0, 0, 0])
    cases.append(Case(registers: odd.signed, log: logs.count, end: odd.bytes.count))
    logs.append(odd.bytes)
    let partly = EventLogMint.partlyLogged()
    for (bank, values) in partly.registers.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      cases += Self.changes(
        of: partly.bytes, logs.count, MeasuredRegisters(pcrs: values, algorithm: bank), most: 100)
    }
    logs.append(partly.bytes)
    // Phases, runtime events and their absence.
    let mint = EventLogMint.machine(.agile([.sha256]))
    let bank = BankAlgorithm.sha256
    let runtime = try RuntimeLog(
      RuntimeEvent.Kind.allCases.map { try RuntimeEvent(kind: $0, name: "nämé", digest: SHA256.hash(utf8: $0.name)) })
    var values = mint.signed.values
    values[11] = ["sysinit", "ready"].reduce(values[11] ?? []) { bank.extend($0, with: bank.hash(Array($1.utf8))) }
    values[14] = runtime.replay(from: bank.zeros, algorithm: bank)
    let registers = MeasuredRegisters(pcrs: values, algorithm: bank)
    for log in [logs.count, nil] {
      for runtime in [
        runtime, try RuntimeLog(Array(runtime.events.dropLast())), try RuntimeLog(runtime.events + runtime.events), nil,
      ] {
        cases.append(Case(registers: registers, log: log, end: mint.bytes.count, runtime: runtime))
        cases.append(Case(registers: registers, log: log, end: 100, runtime: runtime))
      }
    }
    cases.append(Case(registers: MeasuredRegisters(pcrs: [0: bank.zeros], algorithm: bank), log: nil, runtime: runtime))
    logs.append(mint.bytes)
    try Self.expectAgreement(logs, cases)
  }

  @Test(
    .enabled(if: BrowserVerifier.node != nil, BrowserVerifier.absence), .enabled(if: Vectors.available, Vectors.absence)
  )
  func thePageReadsLogsOfMachinesAlike() throws {
    var logs: [[UInt8]] = []
    var cases: [Case] = []
    for (names, family) in [(EventLogVectors.pcrLogs, .pcrs), (EventLogVectors.ccelLogs, .rtmrs)]
      as [([String], MeasuredRegisters.Family)]
    {
      for name in names {
        var bytes = try Vectors.bytes(name)
        let log = try EventLog(parsing: bytes, for: family)
        bytes.removeLast(max(0, log.paddingCount - 64))
        for bank in log.banks {
          let registers = EventLogVectors.registers(of: log, bank, family)
          let most = bank == log.banks.last ? 60 : 2
          cases += Self.changes(of: bytes, logs.count, registers, most: most)
        }
        logs.append(bytes)
      }
    }
    for name in ["quote-report.json", "tdx-lite-getquote.json"] {
      let text = try #require(try Vectors.json("attestation/intel-tdx/dstack/\(name)")["event_log"]?.string)
      let bytes = Array(text.utf8)
      let registers = EventLogVectors.registers(of: try EventLog(parsing: bytes, for: .rtmrs), .sha384, .rtmrs)
      let whole = Case(registers: registers, log: logs.count, end: bytes.count)
      cases.append(whole)
      for offset in stride(from: 0, to: bytes.count, by: bytes.count / 60) {
        var changed = whole
        changed.edits = [(offset, bytes[offset] ^ 1)]
        cases.append(changed)
      }
      logs.append(bytes)
    }
    try Self.expectAgreement(logs, cases)
  }
}
