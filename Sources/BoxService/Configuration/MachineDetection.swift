import Attestation
import CanonicalJSON
import TrustedPlatform

extension MachineConfiguration {
  /// Files that belong to a platform's evidence, where the operator has them.
  public struct Files: Sendable, Hashable {
    /// PEM: of the TPM's attestation key, or of the processor's key that signs SNP reports.
    public var certificates: String?
    /// Azure: the quote over a TDX report.
    public var trustDomainQuote: String?

    public init(certificates: String? = nil, trustDomainQuote: String? = nil) {
      self.certificates = certificates
      self.trustDomainQuote = trustDomainQuote
    }
  }

  /// Nothing here can vouch for a box; says what was looked for.
  public struct NothingFound: Error, Sendable, Hashable, CustomStringConvertible {
    public let findings: [PlatformDetection.Finding]

    public var description: String {
      "nothing on this machine can vouch for a box: "
        + findings.map { "\($0.kind.rawValue): \($0.state.detail)" }.joined(separator: "; ")
    }
  }

  /// One platform as it is reached on this machine, whether or not it is there.
  ///
  /// - Throws: a `FieldError` where a file is given that the platform has no use for.
  public static func reached(
    _ kind: EvidenceKind, tcti: String?, interface: SNPCollector.Interface? = nil, files: Files,
    by detection: PlatformDetection
  ) throws(FieldError) -> MachineConfiguration {
    let tcti = tcti ?? detection.device?.text ?? "device:/dev/tpmrm0"
    let platform: Platform =
      switch kind {
      case .azure: .azure(tcti: tcti, certificates: files.certificates, trustDomainQuote: files.trustDomainQuote)
      case .snp:
        .snp(interface: interface ?? detection.reportInterface ?? .configuration, certificates: files.certificates)
      case .tdx: .tdx
      case .nitroEnclave: .nitroEnclave
      default: .tpm(tcti: tcti, certificates: files.certificates)
      }
    let members = members(of: platform.kind)
    for (name, path) in [("certificates", files.certificates), ("tdQuote", files.trustDomainQuote)] {
      guard let path, !members.contains(name) else { continue }
      throw FieldError(
        field: name, expected: "nothing: \(platform.kind.rawValue) has no use for it", actual: JSON.string(path).summary
      )
    }
    return MachineConfiguration(platform)
  }

  /// What this machine offers: an enclave or a confidential guest before a bare TPM, which encrypts no memory.
  ///
  /// Every virtual machine of Azure has a TPM, and only that of a confidential one keeps the paravisor's report: it is asked.
  public static func detected(
    tcti: String? = nil, files: Files, by detection: PlatformDetection
  ) async throws -> MachineConfiguration {
    for kind in [EvidenceKind.nitroEnclave, .azure, .tdx, .snp, .tpm] where detection[kind]?.isPresent == true {
      let found = try reached(kind, tcti: tcti, files: files, by: detection)
      if kind == .azure, let tcti = found.tcti {
        guard try await TPMDevice(tcti: tcti).storedBytes(at: AzureCollector.reportIndex) != nil else { continue }
      }
      return try beside(found, tcti: tcti, by: detection)
    }
    throw NothingFound(findings: detection.findings.filter { kinds.contains($0.kind) })
  }

  /// A TPM beside a confidential guest measures its code and counts: both then vouch.
  private static func beside(
    _ found: MachineConfiguration, tcti: String?, by detection: PlatformDetection
  ) throws(FieldError) -> MachineConfiguration {
    guard [.snp, .tdx].contains(found.platform.kind), detection[.tpm]?.isPresent == true else { return found }
    let tpm = try reached(.tpm, tcti: tcti, files: Files(), by: detection)
    return MachineConfiguration(found.platform, with: [tpm.platform])
  }
}
