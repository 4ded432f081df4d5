import Attestation
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import TrustedPlatform

@Suite("Several banks of a software TPM", .enabled(if: Tools.isReady, Comment(rawValue: SoftwareTPM.absence)))
struct BankTests {
  let tpm: SoftwareTPM
  let device: TPMDevice

  init() throws {
    tpm = try SoftwareTPM.twin()
    device = try TPMDevice(tcti: tpm.tcti)
  }

  private static func digests(_ byte: UInt8, _ banks: [BankAlgorithm]) -> [BankAlgorithm: [UInt8]] {
    Dictionary(uniqueKeysWithValues: banks.map { ($0, $0.hash([byte])) })
  }

  @Test("The banks that the TPM keeps are listed, and no others")
  func banks() async throws {
    #expect(try await device.activeBanks() == [.sha256, .sha384])
    try Tools.run("tpm2_pcrallocate", "sha1:all+sha256:all+sha384:none", on: tpm)
    // What is kept changes when the TPM starts again.
    try tpm.stop()
    try tpm.start()
    #expect(try await device.activeBanks() == [.sha1, .sha256])
  }

  @Test("One command extends every bank, and the independent tool sees each")
  func extend() async throws {
    try await device.extend(14, with: Self.digests(1, [.sha256, .sha384]))
    try await device.extend(14, with: Self.digests(2, [.sha384]))
    let short = BankAlgorithm.sha256.extend(BankAlgorithm.sha256.zeros, with: BankAlgorithm.sha256.hash([1]))
    let long = [1, 2].reduce(BankAlgorithm.sha384.zeros) {
      BankAlgorithm.sha384.extend($0, with: BankAlgorithm.sha384.hash([$1]))
    }
    #expect(try await device.readPCRs([14])[14] == short)
    #expect(try await device.readPCRs([14], bank: .sha384)[14] == long)
    let seen = try Tools.run("tpm2_pcrread", "sha256:14+sha384:14", on: tpm).lowercased()
    #expect(seen.contains(Hex.encode(short)) && seen.contains(Hex.encode(long)))
    // Nothing else was touched.
    #expect(
      try await device.readPCRs([13, 15], bank: .sha384).values.values.allSatisfy { $0 == BankAlgorithm.sha384.zeros })
  }

  @Test("A bank that the TPM does not keep is passed over, and a digest of another length refused")
  func refusals() async throws {
    try await device.extend(14, with: Self.digests(1, [.sha256, .sha512]))
    #expect(
      try await device.readPCRs([14])[14]
        == BankAlgorithm.sha256.extend(BankAlgorithm.sha256.zeros, with: BankAlgorithm.sha256.hash([1])))
    for digests in [[:], [.sha256: [1]], [.sha384: SHA256.hash([1]).bytes]] as [[BankAlgorithm: [UInt8]]] {
      let failure = await #expect(throws: TPMFailure.self) { try await device.extend(14, with: digests) }
      guard case .field(operation: _, let error) = failure else {
        Issue.record("\(String(describing: failure))")
        continue
      }
      #expect(error.field == "digests")
    }
    await #expect(throws: TPMFailure.self) { try await device.extend(24, with: Self.digests(1, [.sha256])) }
  }

  @Test("Runtime events replay in a quote of either bank", arguments: [BankAlgorithm.sha256, .sha384])
  func runtime(bank: BankAlgorithm) async throws {
    let events = try (1...3).map { try RuntimeEvent(kind: .tool, name: "tool \($0)", digest: SHA256.hash([$0])) }
    for event in events {
      try await device.extend(
        14, with: [.sha256: event.registerDigest(.sha256), .sha384: event.registerDigest(.sha384)])
    }
    let nonce = SHA256.hash([7]).bytes
    let signed = try await device.quote(extraData: nonce, registers: [0, 14], bank: bank)
    func report(_ events: [RuntimeEvent]) throws -> AttestationReport {
      let evidence = Evidence(
        TPMEvidence(
          key: signed.key.publicArea.bytes, certificates: [], quote: signed.quote.bytes, signature: signed.signature,
          pcrs: [signed.registers], logs: MeasurementLogs(runtime: try RuntimeLog(events))))
      let policy = try AppraisalPolicy(json: [
        "format": "safebox-appraisal/v1", "name": "test", "assurance": "any", "anchors": [], "releases": "any",
        "enrolled": [["name": "swtpm", "ak": .string(Hex.encode(signed.key.name)), "assurance": "software"]],
        "platforms": [
          "tpm": [
            "bank": .string(bank.rawValue), "registers": "any", "clockSafe": "any", "since": "any", "eventLog": "any",
            "runtime": ["code": .array(events.map { .string($0.digest.hex) }), "locked": "any"],
          ]
        ],
      ])
      return evidence.appraised(by: policy, binding: .bytes(nonce), at: 0)
    }
    let whole = try report(events)
    #expect(whole.verdict == .accepted, "\(whole.failures)")
    #expect(whole.checks.contains { $0.id.name == "runtime.replay" && $0.outcome.name == "passed" })
    #expect(try report(events.dropLast()).failures.map(\.id.name).contains("runtime.replay"))
  }
}
