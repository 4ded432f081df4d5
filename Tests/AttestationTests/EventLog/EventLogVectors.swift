import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import Attestation

/// Logs of real machines, with the registers that they must yield.
enum EventLogVectors {
  static let pcrLogs =
    googleLogs.map { "attestation/uefi-eventlog/google/\($0)" }
    + legacyLogs.map { "attestation/uefi-eventlog/google-legacy/\($0)" } + [
      "attestation/uefi-eventlog/dstack/tpm_eventlog.bin"
    ]

  static let googleLogs = [
    "arch-linux-workstation.bin", "confidential-gke-debug-251000_eventlog.bin", "cos-101-amd-sev.bin",
    "cos-85-amd-sev.bin", "cos-93-amd-sev.bin", "debian-10.bin", "eventlogwithsp800155.bin", "gdc-host.bin",
    "glinux-alex.bin", "rhel8-uefi.bin", "ubuntu-1804-amd-sev.bin", "ubuntu-2104-no-dbx.bin",
    "ubuntu-2104-no-secure-boot.bin", "ubuntu-2404-amd-sevsnp.bin",
  ]

  static let legacyLogs = [
    "coreos_36_shielded_vm_no_secure_boot_eventlog", "crypto_agile_eventlog", "ebs_event_missing_eventlog",
    "option_rom_eventlog", "sb_cert_eventlog", "short_no_action_eventlog",
  ]

  static let ccelLogs = [
    "attestation/tdx-ccel/dstack/ccel.bin", "attestation/tdx-ccel/google/CCEL_unpadded.data.bin",
    "attestation/tdx-ccel/google/cos-113-intel-tdx-dupe-separator-unpadded.bin",
    "attestation/tdx-ccel/trustee/CCEL_AAEL_alibabacloud",
    "attestation/tdx-ccel/trustee/CCEL_data_grub", "attestation/tdx-ccel/trustee/CCEL_data_ovmf",
    "attestation/intel-tdx/gcp-cos-113/ccel_data.dat",
  ]

  static func log(_ name: String, _ family: MeasuredRegisters.Family) throws -> EventLog {
    try EventLog(parsing: try Vectors.bytes(name), for: family)
  }

  /// The registers that a log yields in a bank, as if a quote had signed them: those of the firmware without events too.
  static func registers(of log: EventLog, _ bank: BankAlgorithm, _ family: MeasuredRegisters.Family)
    -> MeasuredRegisters
  {
    var values = log.replay(bank)
    for index in family.separatorIndexes where values[index] == nil { values[index] = log.initial(index, bank) }
    switch family {
    case .pcrs:
      for index in 8...15 where values[index] == nil { values[index] = bank.zeros }
      return MeasuredRegisters(pcrs: values, algorithm: bank)
    case .rtmrs:
      for index in 2...3 where values[index] == nil { values[index] = bank.zeros }
      return MeasuredRegisters(rtmrs: values)
    }
  }

  /// The PCRs of `expected_pcrs.json`.
  static func expectedPCRs() throws -> [String: [BankAlgorithm: [Int: [UInt8]]]] {
    let json = try Vectors.json("attestation/uefi-eventlog/google/expected_pcrs.json")
    var logs: [String: [BankAlgorithm: [Int: [UInt8]]]] = [:]
    for (name, log) in try #require(json.object) {
      var banks: [BankAlgorithm: [Int: [UInt8]]] = [:]
      for (bank, pcrs) in try #require(log["pcr_banks"]?.object) {
        var values: [Int: [UInt8]] = [:]
        for (index, value) in try #require(pcrs.object) {
          let text = try #require(value.string)
          let bytes: [UInt8] = try #require(Hex.decode(text))
          values[try #require(Int(index))] = bytes
        }
        banks[try #require(BankAlgorithm(rawValue: bank))] = values
      }
      logs[name] = banks
    }
    return logs
  }
}
