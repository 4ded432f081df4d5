import CanonicalJSON
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import Attestation

/// The logs of the vectors: what they yield, what they prove, and what is wrong with them.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct EventLogVectorTests {
  private func verify(_ bytes: [UInt8], _ registers: MeasuredRegisters) -> (MeasurementClaims, CheckList) {
    var checks = CheckList()
    let claims = MeasurementLogs(eventLog: bytes).verify(against: registers, into: &checks)
    return (claims, checks)
  }

  @Test(arguments: EventLogVectors.googleLogs) func logsYieldTheExpectedRegistersInEveryBank(_ name: String) throws {
    let bytes = try Vectors.bytes("attestation/uefi-eventlog/google/\(name)")
    let log = try EventLog(parsing: bytes, for: .pcrs)
    let expected = try #require(try EventLogVectors.expectedPCRs()[name])
    try #require(!expected.isEmpty)
    for (bank, values) in expected {
      let replayed = log.replay(bank)
      for (index, value) in values { #expect(replayed[index] == value, "\(bank.rawValue) \(index)") }
      let (claims, checks) = verify(bytes, MeasuredRegisters(pcrs: values, algorithm: bank))
      #expect(checks.succeeds, "\(checks.checks)")
      #expect(claims.boot?.registers.count == values.count)
      for index in values.keys {
        var changed = values
        changed[index]?[0] ^= 1
        let (claims, checks) = verify(bytes, MeasuredRegisters(pcrs: changed, algorithm: bank))
        #expect(!checks.succeeds && claims.boot == nil, "\(bank.rawValue) \(index)")
      }
    }
  }

  /// As `tpm2_eventlog` shows the same variables.
  @Test(arguments: [
    ("arch-linux-workstation.bin", false), ("cos-101-amd-sev.bin", true), ("ubuntu-2104-no-secure-boot.bin", false),
    ("ubuntu-2104-no-dbx.bin", false), ("debian-10.bin", true), ("rhel8-uefi.bin", true),
  ]) func logsSayWhetherSecureBootWasOn(_ name: String, isOn: Bool) throws {
    let bytes = try Vectors.bytes("attestation/uefi-eventlog/google/\(name)")
    let log = try EventLog(parsing: bytes, for: .pcrs)
    let bank = try #require(log.banks.last)
    let registers = EventLogVectors.registers(of: log, bank, .pcrs)
    let boot = try #require(verify(bytes, registers).0.boot)
    #expect(boot.secureBoot == isOn)
    #expect(boot.variables.map(\.name).prefix(4) == ["SecureBoot", "PK", "KEK", "db"])
    #expect(boot.irregularities.isEmpty)
    // Where PCR 7 was not signed, the same log proves nothing of it.
    var unsigned = registers.values
    unsigned[7] = nil
    let hearsay = try #require(verify(bytes, MeasuredRegisters(pcrs: unsigned, algorithm: bank)).0.boot)
    #expect(hearsay.secureBoot == nil && hearsay.variables.isEmpty && hearsay.authorities.isEmpty)
  }

  @Test func theSectionsOfAUnifiedKernelImageAreNamed() throws {
    let bytes = try Vectors.bytes("attestation/uefi-eventlog/dstack/tpm_eventlog.bin")
    let log = try EventLog(parsing: bytes, for: .pcrs)
    #expect(log.replay(.sha256)[11].map { Hex.encode($0).hasPrefix("16c654f49c03") } == true)
    let boot = try #require(verify(bytes, EventLogVectors.registers(of: log, .sha256, .pcrs)).0.boot)
    #expect(boot.sections.map(\.name) == [".linux", ".osrel", ".cmdline", ".initrd", ".uname", ".sbat"])
    #expect(Set(boot.sections.map(\.digest)).count == 6)
  }

  @Test func grubsTextsAreProvedAndLabelsAreNot() throws {
    let bytes = try Vectors.bytes("attestation/uefi-eventlog/google/cos-101-amd-sev.bin")
    let log = try EventLog(parsing: bytes, for: .pcrs)
    let boot = try #require(verify(bytes, EventLogVectors.registers(of: log, .sha384, .pcrs)).0.boot)
    #expect(boot.loaderTexts.count == 15 && boot.loaderTextsAreComplete)
    #expect(boot.loaderTexts.last?.hasPrefix("/syslinux/vmlinuz.A init=/usr/lib/systemd/systemd") == true)
  }

  /// Distributions differ in prefix, zeros and rubbish after the text.
  @Test(arguments: [
    ("attestation/uefi-eventlog/google/rhel8-uefi.bin", MeasuredRegisters.Family.pcrs, 50),
    ("attestation/uefi-eventlog/google/ubuntu-2404-amd-sevsnp.bin", .pcrs, 71),
    ("attestation/tdx-ccel/trustee/CCEL_AAEL_alibabacloud", .rtmrs, 53),
  ]) func textsOfEveryGRUBAreFound(_ name: String, _ family: MeasuredRegisters.Family, count: Int) throws {
    let bytes = try Vectors.bytes(name)
    let log = try EventLog(parsing: bytes, for: family)
    let bank = try #require(log.banks.last)
    let boot = try #require(verify(bytes, EventLogVectors.registers(of: log, bank, family)).0.boot)
    #expect(boot.loaderTexts.count == count)
    #expect(boot.loaderTexts.contains { $0.contains("vmlinuz") && $0.contains("root=") })
  }

  @Test func aLogWithoutExitBootServicesIsAMismatch() throws {
    let bytes = try Vectors.bytes("attestation/uefi-eventlog/google-legacy/ebs_event_missing_eventlog")
    var values = try EventLog(parsing: bytes, for: .pcrs).replay(.sha1)
    #expect(values[5].map { Hex.encode($0) } == "e5781a2fd49c23a33b16bf0ba5f10efa1aa5d43c")
    values[5] = Hex.decode("31245808d6d35849bc394f6343f2b3ff908ed5e3")
    let (claims, checks) = verify(bytes, MeasuredRegisters(pcrs: values, algorithm: .sha1))
    #expect(claims.boot == nil)
    let replay = try #require(checks.checks.first { $0.id == .eventLogReplay })
    guard case .failed(_, let actual) = replay.outcome else {
      Issue.record("accepted")
      return
    }
    #expect(actual.hasPrefix("sha1.pcr5 e5781a2f") && actual.hasSuffix("lacks the two events of ExitBootServices)"))
  }

  @Test func theRegistersOfAWindowsMachineAreYielded() throws {
    let json = try Vectors.json("attestation/uefi-eventlog/google-legacy/windows_gcp_shielded_vm.json")
    let log = try #require(json["Log"])
    var values: [Int: [UInt8]] = [:]
    for pcr in try #require(log["PCRs"]?.array) {
      guard case .integer(let index)? = pcr["Index"], case .integer(3)? = pcr["DigestAlg"] else { continue }
      values[Int(index)] = Base64.decode(pcr["Digest"]?.string ?? "")
    }
    #expect(values.count == 24)
    let encoded = try #require(log["Raw"]?.string ?? log["raw"]?.string)
    let bytes = try #require(Base64.decode(encoded))
    let (claims, checks) = verify(bytes, MeasuredRegisters(pcrs: values, algorithm: .sha1))
    #expect(checks.succeeds, "\(checks.checks)")
    #expect(claims.boot?.secureBoot == true)
  }

  // MARK: TDX

  /// RTMRs of a quote: version 4, header of 48 bytes, body of a TD 1.0 report.
  private func rtmrs(ofQuote quote: [UInt8]) -> MeasuredRegisters {
    let values = (0..<4).map { index in (index, Array(quote[376 + index * 48..<424 + index * 48])) }
    return MeasuredRegisters(rtmrs: Dictionary(uniqueKeysWithValues: values))
  }

  @Test func aCCELYieldsTheRegistersOfItsQuote() throws {
    let quote = try Vectors.bytes("attestation/intel-tdx/gcp-cos-113/cos-113-tdx-quote.dat")
    let bytes = try Vectors.bytes("attestation/intel-tdx/gcp-cos-113/ccel_data.dat")
    let (claims, checks) = verify(bytes, rtmrs(ofQuote: quote))
    #expect(checks.succeeds, "\(checks.checks)")
    #expect(claims.boot?.registers == ["rtmr0", "rtmr1", "rtmr2"])
    #expect(claims.boot?.secureBoot == false)
    #expect(claims.boot?.irregularities.isEmpty == true)
    #expect(try EventLog(parsing: bytes, for: .rtmrs).paddingCount == 262144 - 18101)
  }

  @Test func aDuplicateSeparatorIsFlagged() throws {
    let bytes = try Vectors.bytes("attestation/tdx-ccel/google/cos-113-intel-tdx-dupe-separator-unpadded.bin")
    let log = try EventLog(parsing: bytes, for: .rtmrs)
    let values = log.replay(.sha384)
    #expect(
      (0...2).map { Hex.encode(values[$0] ?? []).prefix(12) } == ["a4de2df23e96", "0ee9366c928a", "4969684dc873"])
    let (claims, checks) = verify(bytes, EventLogVectors.registers(of: log, .sha384, .rtmrs))
    #expect(checks.succeeds)
    #expect(claims.boot?.irregularities.map(\.text) == ["duplicate-separator: rtmr0", "missing-separator: rtmr1"])
    var reader = ObjectReader(members: [
      "eventLog": ["secureBoot": "any", "separators": "regular"], "runtime": ["code": "any", "locked": "any"],
    ])
    let policy = try MeasurementPolicy(members: &reader)
    var appraisal = CheckList()
    policy.appraise(claims, into: &appraisal)
    #expect(!appraisal.succeeds && !appraisal.holds)
  }

  @Test(arguments: [
    ("attestation/tdx-ccel/dstack/ccel.bin", 1933), ("attestation/tdx-ccel/trustee/CCEL_AAEL_alibabacloud", 11707),
  ])
  func paddingIsFound(_ name: String, offset: Int) throws {
    let bytes = try Vectors.bytes(name)
    #expect(try EventLog(parsing: bytes, for: .rtmrs).paddingCount == bytes.count - offset)
  }

  @Test(arguments: ["CCEL_AAEL_alibabacloud", "CCEL_data_grub", "CCEL_data_ovmf"])
  func eventsAreReadAsTrusteeReadsThem(_ name: String) throws {
    let log = try EventLogVectors.log("attestation/tdx-ccel/trustee/\(name)", .rtmrs)
    let expected = try #require(
      try Vectors.json("attestation/tdx-ccel/trustee/\(name)_out.json")["uefi_event_logs"]?.array)
    let events = log.events.filter(\.isMeasured)
    try #require(events.count == expected.count)
    for (event, expected) in zip(events, expected) {
      #expect(expected["index"] == .integer(Int64((event.register ?? -2) + 1)))
      #expect(expected["type_name"]?.string == event.type.name)
      #expect(expected["digests"]?.array?.first?["digest"]?.string == event.digests[.sha384].map { Hex.encode($0) })
      #expect(expected["event"]?.string.flatMap { Base64.decode($0) } == event.data)
      if expected["digest_matches_event"] == .bool(true) {
        #expect(event.provedData(.sha384) == event.data, "\(event.type.name)")
      } else {
        #expect(event.provedData(.sha384) == nil, "\(event.type.name)")
      }
    }
  }

  @Test(arguments: ["quote-report.json", "tdx-lite-getquote.json"])
  func dstacksLogYieldsTheRegistersOfItsQuote(_ name: String) throws {
    let json = try Vectors.json("attestation/intel-tdx/dstack/\(name)")
    let quoteText = try #require(json["quote"]?.string)
    let quote = try #require(Hex.decode(quoteText))
    let text = try #require(json["event_log"]?.string)
    let (claims, checks) = verify([UInt8](text.utf8), rtmrs(ofQuote: quote))
    #expect(checks.succeeds, "\(checks.checks)")
    #expect(claims.boot?.registers == ["rtmr0", "rtmr1", "rtmr2", "rtmr3"])
    let names = claims.boot?.applicationEvents.map(\.name) ?? []
    #expect(names.starts(with: ["system-preparing", "app-id", "compose-hash", "instance-id"]))
    // A payload that nobody extended.
    let changed = text.replacingOccurrences(of: "\"event\":\"app-id\"", with: "\"event\":\"app-ix\"")
    try #require(changed != text)
    #expect(!verify([UInt8](changed.utf8), rtmrs(ofQuote: quote)).1.succeeds)
  }
}
