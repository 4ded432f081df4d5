import Attestation
import AttestationMint
import Cryptography
import TestSupport
import Testing
import TrustedPlatform

@testable import BoxService

/// PCR 14 in the banks of a software TPM: every one that a quote could be of is held against the log.
@Suite(.enabled(if: SoftwareTPM.isReady, Comment(rawValue: SoftwareTPM.absence)))
struct CodeRegisterTests {
  private let tpm: SoftwareTPM
  private let device: TPMDevice

  init() throws {
    tpm = try SoftwareTPM.twin()
    device = try TPMDevice(tcti: tpm.tcti)
  }

  private static func event(_ number: UInt8) throws -> RuntimeEvent {
    try RuntimeEvent(kind: .tool, name: "tool \(number)", digest: SHA256.hash([number]))
  }

  @Test func everyBankShowsEveryEvent() async throws {
    let register = TPMCodeRegister(device, log: nil)
    #expect(try await device.activeBanks() == [.sha256, .sha384])
    #expect(try await register.value() == register.replay([]))
    let events = try [Self.event(1), Self.event(2)]
    for event in events { try await register.extend(event) }
    let value = try await register.value()
    #expect(Set(value.banks.keys) == [.sha256, .sha384])
    #expect(try await value == register.replay(events))
    #expect(try await value != register.replay(events.reversed()))
  }

  /// Somebody who extends one bank alone would be seen only by quotes of that bank.
  @Test(arguments: [BankAlgorithm.sha256, .sha384])
  func aBankThatDiffersIsNotExplained(_ bank: BankAlgorithm) async throws {
    let register = TPMCodeRegister(device, log: nil)
    let events = try [Self.event(1)]
    try await register.extend(events[0])
    try await device.extend(14, with: bank.hash([9]), bank: bank)
    #expect(try await register.value() != register.replay(events))
    #expect(try await register.value() != register.replay([]))
  }

  /// The firmware's log says with what the register began, in the banks that it has; of the others nobody knows.
  @Test func theFirmwaresLogSaysWhereItBegan() async throws {
    func log(_ banks: [BankAlgorithm]) throws -> EventLog {
      var mint = EventLogMint(.agile(banks))
      mint.measure(14, 0xD, [1, 2, 3])
      return try EventLog(parsing: mint.bytes, for: .pcrs)
    }
    try await device.extend(14, with: [.sha256: BankAlgorithm.sha256.hash([1, 2, 3]), .sha384: SHA384.hash([7])])
    let known = TPMCodeRegister(device, log: try log([.sha256]))
    #expect(try await Set(known.value().banks.keys) == [.sha256])
    #expect(try await known.value() == known.replay([]))
    let event = try Self.event(1)
    try await known.extend(event)
    #expect(try await known.value() == known.replay([event]))
    // The other bank began with something else than this log says.
    let both = TPMCodeRegister(device, log: try log([.sha256, .sha384]))
    #expect(try await both.value() != both.replay([event]))
    // A log without the bank that is quoted does not make it unseen.
    let other = TPMCodeRegister(device, log: try log([.sha384]))
    #expect(try await other.value().banks[.sha256] != nil)
    #expect(try await other.value() != other.replay([event]))
    try await known.extend(event)
    #expect(try await known.value() != known.replay([event]))
  }
}
