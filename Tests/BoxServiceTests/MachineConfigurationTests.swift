import Attestation
import CanonicalJSON
import PlayedMachines
import Testing
import TrustedPlatform

@testable import BoxService

/// `attestation` in box.json, and what `auto` makes of a machine.
@Suite struct MachineConfigurationTests {
  private static func read(_ attestation: JSON) throws -> MachineConfiguration? {
    let json: JSON = [
      "format": "safebox-config/v1", "listen": "127.0.0.1:1", "admin": "127.0.0.1:2", "attestation": attestation,
    ]
    return try BoxConfiguration(parsing: json.canonicalBytes()).attestation
  }

  private static let whole: [(JSON, MachineConfiguration.Platform)] = [
    (["platform": "tpm", "tcti": "device:/dev/tpmrm0"], .tpm(tcti: "device:/dev/tpmrm0")),
    (
      ["platform": "tpm", "tcti": "swtpm:path=/t", "certificates": "/ak.pem"],
      .tpm(tcti: "swtpm:path=/t", certificates: "/ak.pem")
    ),
    (
      ["platform": "azure-cvm", "tcti": "device:/dev/tpmrm0", "certificates": "/chip.pem", "tdQuote": "/quote"],
      .azure(tcti: "device:/dev/tpmrm0", certificates: "/chip.pem", trustDomainQuote: "/quote")
    ),
    (["platform": "sev-snp", "interface": "configfs"], .snp(interface: .configuration)),
    (
      ["platform": "sev-snp", "interface": "device", "certificates": "/chip.pem"],
      .snp(interface: .device, certificates: "/chip.pem")
    ),
    (["platform": "tdx"], .tdx),
    (["platform": "nitro-enclave"], .nitroEnclave),
  ]

  @Test(arguments: whole) func everyPlatformIsReadAndWritten(
    json: JSON, platform: MachineConfiguration.Platform
  ) throws {
    let configuration = try #require(try Self.read(json))
    #expect(configuration.platform == platform)
    #expect(configuration.json == json)
  }

  @Test func furtherPlatformsAreReadAndWritten() throws {
    let json: JSON = [
      "platform": "tdx",
      "with": [["platform": "tpm", "tcti": "swtpm:path=/t"], ["platform": "sev-snp", "interface": "device"]],
    ]
    let configuration = try #require(try Self.read(json))
    #expect(
      configuration == MachineConfiguration(.tdx, with: [.tpm(tcti: "swtpm:path=/t"), .snp(interface: .device)]))
    #expect(configuration.json == json)
    #expect(configuration.tcti == "swtpm:path=/t")
  }

  /// The field, and what to write there.
  private static let refused: [(JSON, field: String, expected: String)] = [
    ([:], "platform", "a string"),
    (["platform": "sgx"], "platform", "tpm, azure-cvm, sev-snp, tdx, nitro-enclave"),
    // Evidence that a box cannot make of itself is no platform.
    (["platform": "nitrotpm"], "platform", "tpm, azure-cvm, sev-snp, tdx, nitro-enclave"),
    (["platform": "tpm"], "tcti", "device:/dev/tpmrm0, or swtpm:path=/... for a software TPM"),
    (["platform": "tpm", "tcti": "library.so:x"], "tcti", "device:/dev/tpmrm0, or swtpm:path=/... for a software TPM"),
    (["platform": "azure-cvm"], "tcti", "device:/dev/tpmrm0, or swtpm:path=/... for a software TPM"),
    (
      ["platform": "tpm", "tcti": "device:/dev/tpmrm0", "certificates": "ak.pem"], "certificates",
      "the absolute path of a file"
    ),
    (
      ["platform": "tpm", "tcti": "device:/dev/tpmrm0", "tdQuote": "/q"], "tdQuote",
      "nothing: tpm takes tcti, certificates"
    ),
    (["platform": "sev-snp"], "interface", "configfs (Linux 6.7 and later), or device for /dev/sev-guest"),
    (
      ["platform": "sev-snp", "interface": "ioctl"], "interface",
      "configfs (Linux 6.7 and later), or device for /dev/sev-guest"
    ),
    (
      ["platform": "sev-snp", "interface": "device", "tcti": "device:/dev/tpmrm0"], "tcti",
      "nothing: sev-snp takes interface, certificates"
    ),
    (["platform": "tdx", "certificates": "/c.pem"], "certificates", "nothing: tdx takes no member but platform"),
    (
      ["platform": "nitro-enclave", "interface": "device"], "interface",
      "nothing: nitro-enclave takes no member but platform"
    ),
    (["platform": "tdx", "register": 3], "register", "no such field"),
    (["platform": "tdx", "with": "sev-snp"], "with", "an array"),
    (["platform": "tdx", "with": ["sev-snp"]], "with[0]", "an object"),
    (
      ["platform": "tdx", "with": [["platform": "sev-snp"]]], "with[0].interface",
      "configfs (Linux 6.7 and later), or device for /dev/sev-guest"
    ),
    (["platform": "tdx", "with": [["platform": "tdx"]]], "with[0].platform", "a platform that is not named before"),
    (
      [
        "platform": "tdx",
        "with": [["platform": "nitro-enclave"], ["platform": "nitro-enclave"]],
      ], "with[1].platform", "a platform that is not named before"
    ),
    (
      ["platform": "tdx", "with": [["platform": "nitro-enclave", "with": []]]], "with[0].with", "no such field"
    ),
  ]

  @Test(arguments: refused) func whatIsWrongIsNamed(json: JSON, field: String, expected: String) throws {
    let error = #expect(throws: FieldError.self) { try Self.read(json) }
    #expect(error?.field == "attestation.\(field)")
    #expect(error?.expected == expected)
  }

  // MARK: What auto finds

  private static func detected(_ files: [String], _ directories: Set<String> = []) async throws -> MachineConfiguration
  {
    let kernel = PlayedKernel(
      Dictionary(uniqueKeysWithValues: files.map { ($0, []) }), directories: directories)
    return try await .detected(files: .init(), by: PlatformDetection(tcti: nil, files: kernel))
  }

  @Test func aConfidentialGuestComesBeforeABareTPM() async throws {
    let tpm = "/dev/tpmrm0"
    #expect(try await Self.detected([tpm]).platform == .tpm(tcti: "device:/dev/tpmrm0"))
    #expect(try await Self.detected(["/dev/tpm0"]).platform == .tpm(tcti: "device:/dev/tpm0"))
    let quote = MachineConfiguration.Platform.tpm(tcti: "device:/dev/tpmrm0")
    #expect(
      try await Self.detected([tpm, "/dev/sev-guest"]) == MachineConfiguration(.snp(interface: .device), with: [quote]))
    #expect(
      try await Self.detected(["/dev/sev-guest"], [ConfidentialReports.path])
        == MachineConfiguration(.snp(interface: .configuration)))
    #expect(
      try await Self.detected([tpm, "/dev/tdx_guest"], [ConfidentialReports.path])
        == MachineConfiguration(.tdx, with: [quote]))
    #expect(try await Self.detected(["/dev/nsm"]).platform == .nitroEnclave)
  }

  @Test func whereNothingIsWhatWasLookedForIsSaid() async throws {
    let error = await #expect(throws: MachineConfiguration.NothingFound.self) { try await Self.detected([]) }
    #expect(error?.findings.map(\.kind) == [.tpm, .snp, .tdx, .nitroEnclave, .azure])
    for words in ["/dev/tpmrm0", "/dev/sev-guest", "/dev/tdx_guest", "/dev/nsm", "chassis_asset_tag"] {
      #expect(error?.description.contains(words) == true)
    }
  }

  @Test func aFileThatThePlatformHasNoUseForIsRefused() throws {
    let nothing = PlatformDetection(tcti: nil, files: PlayedKernel())
    let error = #expect(throws: FieldError.self) {
      try MachineConfiguration.reached(.tdx, tcti: nil, files: .init(certificates: "/c.pem"), by: nothing)
    }
    #expect(error?.field == "certificates")
  }
}
