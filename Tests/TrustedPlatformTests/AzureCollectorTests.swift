import Attestation
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import TrustedPlatform

@Suite(
  "A confidential VM of Azure, played by a software TPM",
  .enabled(if: Tools.isReady, Comment(rawValue: SoftwareTPM.absence)))
struct AzureCollectorTests {
  let tpm: SoftwareTPM
  let collector: AzureCollector

  init() throws {
    tpm = try SoftwareTPM.twin()
    collector = AzureCollector(device: try TPMDevice(tcti: tpm.tcti), certificates: [[1, 2]], registers: [0, 7])
  }

  @Test("The stored report and a quote by the key at Azure's handle are put together")
  func members() async throws {
    let directory = try TemporaryDirectory()
    // Longer than one read of the TPM.
    let report = (0..<1500).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try Tools.run(
      "tpm2_nvdefine", "0x1400001", "-C", "o", "-s", "1500", "-a", "ownerread|ownerwrite|authread", on: tpm)
    try Tools.run("tpm2_nvwrite", "0x1400001", "-C", "o", "-i", try directory.write(report, to: "report"), on: tpm)
    try Tools.run(
      "tpm2_createprimary", "-C", "o", "-G", "rsa2048:rsassa-sha256:null", "-a",
      "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign", "-c", directory.file("key"), on: tpm)
    try Tools.run("tpm2_evictcontrol", "-C", "o", "-c", directory.file("key"), "0x81000003", on: tpm)
    let binding = SHA256.hash([1]).bytes
    let json = try await collector.members(binding: binding, logs: MeasurementLogs())
    #expect(json["kind"] == "azure-cvm")
    #expect(json["hclReport"]?.string.flatMap(Base64.decode) == report)
    #expect(json["certificates"]?.array?.compactMap(\.string) == [Base64.encode([1, 2])])
    #expect(json["tdQuote"] == nil)
    let bytes = try #require(json["quote"]?.string.flatMap(Base64.decode))
    let signature = try #require(json["signature"]?.string.flatMap(Base64.decode))
    let key = try await collector.device.persistentKey(at: AzureCollector.keyHandle)
    var checks = CheckList()
    let verified = TPMQuoteVerifier.verify(
      quote: bytes, signature: try TPMTSignature(signature), key: key.publicArea.key,
      pcrs: try PCRBank.banks(try #require(json["pcrs"])), binding: .bytes(binding), into: &checks)
    #expect(verified != nil)
  }

  @Test("A machine without the key, or without the report, is no confidential VM of Azure")
  func absent() async throws {
    await #expect(throws: GuestFailure.tpm(.absent(operation: "quote"))) {
      try await collector.members(binding: [1], logs: MeasurementLogs())
    }
    let directory = try TemporaryDirectory()
    try Tools.run(
      "tpm2_createprimary", "-C", "o", "-G", "rsa2048:rsassa-sha256:null", "-a",
      "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign", "-c", directory.file("key"), on: tpm)
    try Tools.run("tpm2_evictcontrol", "-C", "o", "-c", directory.file("key"), "0x81000003", on: tpm)
    let failure = await #expect(throws: GuestFailure.self) {
      try await collector.members(binding: [1], logs: MeasurementLogs())
    }
    guard case .absent = failure else {
      Issue.record("\(String(describing: failure))")
      return
    }
  }
}
