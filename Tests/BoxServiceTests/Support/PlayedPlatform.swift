import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import PlayedMachines
import TestSupport
import TrustedPlatform

@testable import BoxService

/// A confidential machine that is played: what the box is configured with, what the machine shows, and the policy of
/// somebody who trusts the mint that plays its maker.
struct PlayedPlatform: Sendable {
  let configuration: MachineConfiguration
  let machine: Machine
  let policy: AppraisalPolicy
  /// nil where no kernel file is asked.
  let kernel: PlayedKernel?

  var kind: EvidenceKind { machine.collector.kind }

  func home() async throws -> TestBox.Home {
    try await TestBox.Home(
      configuration: BoxConfiguration(
        listen: .tcp(address: "127.0.0.1", port: 0), admin: .tcp(address: "127.0.0.1", port: 0),
        attestation: configuration))
  }

  /// A guest whose host keeps no certificates: they are in a file that box.json names.
  static func snp(_ directory: TemporaryDirectory) throws -> PlayedPlatform {
    let mint = try SNPMint()
    let kernel = PlayedKernel.reporting("sev_guest") { data, _ in try mint.report(SNPMint.Fields(binding: data)) }
    let chain = mint.certificates.map { PEM.encode($0, label: "CERTIFICATE") }.joined()
    let configuration = MachineConfiguration(
      .snp(interface: .configuration, certificates: try directory.write(Array(chain.utf8), to: "chain.pem")))
    return PlayedPlatform(
      configuration: configuration, machine: try Machine(configuration, files: kernel),
      policy: try policy("sev-snp", snpDemands, anchors: [anchor(mint.anchor)]), kernel: kernel)
  }

  /// A trust domain whose kernel has the registers, unless it is an old one.
  static func tdx(hasRegisters: Bool = true) throws -> PlayedPlatform {
    let mint = try TDXMint()
    let kernel = PlayedKernel.reporting("tdx_guest") { data, state in
      var mint = mint
      mint.report["report-data"] = data
      mint.report["rtmr3"] = state.files[PlayedKernel.register(3)]
      return try mint.quote()
    }
    if hasRegisters { kernel.startRegisters() }
    let configuration = MachineConfiguration(.tdx)
    return PlayedPlatform(
      configuration: configuration, machine: try Machine(configuration, files: kernel),
      policy: try policy("tdx", tdxDemands.merging(measurements), anchors: [mint.anchorJSON]), kernel: kernel)
  }

  static func nitro(clock: TestClock) throws -> PlayedPlatform {
    let mint = try NitroMint()
    let module = PlayedModule(mint, clock: { clock.now })
    let root = TrustAnchor(
      name: "mint", purpose: .awsNitro, certificate: mint.root.certificate, assurance: .hardware(vendor: "mint"))
    return PlayedPlatform(
      configuration: MachineConfiguration(.nitroEnclave),
      machine: Machine(nitro: NitroCollector(module: module)),
      policy: try policy(
        "nitro-enclave",
        ["debug": false, "binding": ["nonce"], "maximumAge": 300, "instances": "any", "registers": "any"],
        anchors: [anchor(root)]), kernel: nil)
  }

  /// The same guest with a software TPM beside it, whose key the owner enrolled by hand.
  static func snpBesideTPM(_ tpm: SoftwareTPM, _ directory: TemporaryDirectory) async throws -> PlayedPlatform {
    let guest = try snp(directory)
    let configuration = MachineConfiguration(guest.configuration.platform, with: [.tpm(tcti: tpm.tcti)])
    let name = try await TPMDevice(tcti: tpm.tcti).attestationKey().name
    let quote: JSONObject = [
      "bank": "sha256", "registers": "any", "clockSafe": "any", "since": "any",
    ]
    let members: JSONObject = ["sev-snp": .object(snpDemands), "tpm": .object(quote.merging(measurements))]
    return PlayedPlatform(
      configuration: configuration, machine: try Machine(configuration, files: try guest.needsKernel()),
      policy: try policy(
        "combined", ["members": .object(members)], anchors: guest.policy.anchors.map(anchor),
        enrolled: [["name": "swtpm", "ak": .string(Hex.encode(name)), "assurance": "software"]]),
      kernel: guest.kernel)
  }

  private func needsKernel() throws -> PlayedKernel {
    guard let kernel else { throw TestFailure("no kernel is played") }
    return kernel
  }

  /// Azure's paravisor is played by a software TPM with the report and the key at Azure's places, both of it alone.
  static func azure(_ tpm: SoftwareTPM, _ directory: TemporaryDirectory) throws -> PlayedPlatform {
    func tool(_ name: String, _ arguments: String...) throws {
      let result = try Subprocess.run(try Self.program(name), ["-T", tpm.tcti] + arguments)
      guard result.status == 0 else { throw TestFailure("\(name): \(result.errors)") }
    }
    let hardware = try SNPMint()
    try tool(
      "tpm2_createprimary", "-C", "o", "-G", "rsa2048:rsassa-sha256:null", "-a",
      "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign", "-c", directory.file("key"))
    try tool("tpm2_evictcontrol", "-C", "o", "-c", directory.file("key"), "0x81000003")
    try tool("tpm2_readpublic", "-c", "0x81000003", "-f", "der", "-o", directory.file("key.der"))
    var mint = try AzureMint(hardware: hardware, extraData: [])
    mint.runtimeData = AzureMint.runtimeData(
      key: try RSA.PublicKey(spkiDER: directory.read("key.der")), names: ["HCLAkPub"])
    // Without the zeros after it: a software TPM's index holds 2048 bytes, Azure's 2600.
    let report = [UInt8](try mint.hclReport().prefix(32 + 1184 + 20 + mint.runtimeData.count))
    try tool(
      "tpm2_nvdefine", "0x1400001", "-C", "o", "-s", "\(report.count)", "-a", "ownerread|ownerwrite|authread")
    try tool("tpm2_nvwrite", "0x1400001", "-C", "o", "-i", try directory.write(report, to: "report"))
    let chain = hardware.certificates.map { PEM.encode($0, label: "CERTIFICATE") }.joined()
    let configuration = MachineConfiguration(
      .azure(tcti: tpm.tcti, certificates: try directory.write(Array(chain.utf8), to: "chain.pem")))
    let demands: JSONObject = [
      "snp": .object(snpDemands), "tdx": "none", "secureBoot": "any", "console": "any", "machines": "any",
      "userData": "any", "bank": "sha256", "registers": "any", "clockSafe": "any", "since": "any",
    ]
    return PlayedPlatform(
      configuration: configuration, machine: try Machine(configuration),
      policy: try policy("azure-cvm", demands.merging(measurements), anchors: [anchor(hardware.anchor)]), kernel: nil)
  }

  /// Whether Azure's paravisor can be played.
  static let canPlayAzure = SoftwareTPM.isReady && Subprocess.find("tpm2_evictcontrol") != nil

  private static func program(_ name: String) throws -> String {
    guard let path = Subprocess.find(name) else { throw TestFailure("\(name) is not installed") }
    return path
  }

  // MARK: Policies

  private static let snpDemands: JSONObject = [
    "products": ["Milan"], "signingKeys": ["vcek"], "providers": "any", "vmpl": [0], "minimumTCB": "any",
    "minimumFirmware": "any", "minimumGuestSVN": "any", "guestPolicy": "any", "platform": "any", "mitigations": "any",
    "chips": "any", "familyIDs": "any", "imageIDs": "any", "hostData": "any", "idKeys": "any", "authorKeys": "any",
  ]
  // Intel's collateral is the verifier's to give; its absence is accepted here in so many words.
  private static let tdxDemands: JSONObject = [
    "collateral": "any", "tcbStatus": ["UpToDate"], "advisories": "any", "evaluationNumber": "any",
    "attributes": ["required": [], "allowed": "any"], "xfam": "any", "platforms": "any", "mrseam": "any",
    "mrsignerseam": "any", "mrconfigid": "any", "mrowner": "any", "mrownerconfig": "any", "mrservicetd": "any",
  ]
  private static let measurements: JSONObject = ["eventLog": "any", "runtime": ["code": "any", "locked": "any"]]

  private static func policy(
    _ kind: String, _ demands: JSONObject, anchors: [JSON], enrolled: [JSON] = []
  ) throws -> AppraisalPolicy {
    try AppraisalPolicy(json: [
      "format": "safebox-appraisal/v1", "name": "test", "assurance": "any", "anchors": .array(anchors),
      "enrolled": .array(enrolled), "releases": "any", "platforms": .object([kind: .object(demands)]),
    ])
  }

  private static func anchor(_ anchor: TrustAnchor) -> JSON {
    [
      "name": "mint", "purpose": .string(anchor.purpose.rawValue),
      "certificate": .string(Base64.encode(anchor.certificate.der)), "assurance": "hardware",
    ]
  }
}

extension JSONObject {
  fileprivate func merging(_ other: JSONObject) -> JSONObject {
    var object = self
    for (name, value) in other { object[name] = value }
    return object
  }
}
