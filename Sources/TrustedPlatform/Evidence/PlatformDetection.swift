public import Attestation

/// What a machine offers to prove what it runs, and why not the rest. Looks for devices and asks none of them.
public struct PlatformDetection: Sendable {
  /// One platform.
  public struct Finding: Sendable, Hashable {
    public enum State: Sendable, Hashable {
      /// Where it is reached.
      case present(String)
      /// What was looked for and not found.
      case absent(String)
      /// It may be here, and this program does not ask for it; why.
      case notPerformed(String)

      /// `present`, `absent` or `not-performed`.
      public var name: String {
        switch self {
        case .present: "present"
        case .absent: "absent"
        case .notPerformed: "not-performed"
        }
      }

      /// Where, what was looked for, or why.
      public var detail: String {
        switch self {
        case .present(let text), .absent(let text), .notPerformed(let text): text
        }
      }
    }

    public let kind: EvidenceKind
    public let state: State

    public var isPresent: Bool { if case .present = state { true } else { false } }
  }

  public let findings: [Finding]
  /// How the kernel's TPM is reached, behind its resource manager where there is one; nil where it has none.
  public let device: TPMAddress?
  let files: any KernelFiles

  /// - Parameter tcti: where the TPM is, if the configuration says so; else the kernel's device is looked for.
  public init(tcti: String? = nil) { self.init(tcti: tcti, files: SystemFiles()) }

  package init(tcti: String?, files: any KernelFiles) {
    self.files = files
    device = Self.device(files)
    findings = [
      Self.tpm(tcti, files), Self.snp(files), Self.tdx(files), Self.nitro(files), Self.azure(files),
      Finding(
        kind: .nitroTPM,
        state: .notPerformed(
          "NitroTPM hands its document out by a vendor command that has no public specification; the TPM itself is asked "
            + "as kind tpm")),
      Finding(
        kind: .gcpVTPM,
        state: .notPerformed(
          "the certificate of Google's attestation key is read by Google's tools; the TPM itself is asked as kind tpm")),
      Finding(
        kind: .nvidia,
        state: .notPerformed("reports of GPUs are read by NVIDIA's library, which this program does not load")),
    ]
  }

  /// How an SEV-SNP report is asked for here: the common interface, where the kernel has it.
  public var reportInterface: SNPCollector.Interface? {
    guard self[.snp]?.isPresent == true else { return nil }
    return files.exists(ConfidentialReports.path) ? .configuration : .device
  }

  public subscript(kind: EvidenceKind) -> Finding? { findings.first { $0.kind == kind } }

  private static func tpm(_ tcti: String?, _ files: any KernelFiles) -> Finding {
    if let tcti {
      do throws(TPMFailure) {
        let address = try TPMAddress(tcti)
        return Finding(
          kind: .tpm,
          state: .present(address.isSoftware ? "\(address.text), which proves nothing about hardware" : address.text))
      } catch { return Finding(kind: .tpm, state: .absent(error.description)) }
    }
    return Finding(
      kind: .tpm,
      state: device(files).map { .present($0.text) } ?? .absent("neither /dev/tpmrm0 nor /dev/tpm0 is there"))
  }

  /// Without the resource manager a client that dies leaves its objects in the TPM.
  private static func device(_ files: any KernelFiles) -> TPMAddress? {
    ["/dev/tpmrm0", "/dev/tpm0"].first(where: files.exists).map { .device(path: $0) }
  }

  private static func snp(_ files: any KernelFiles) -> Finding {
    if files.exists(SNPGuest.path) { return Finding(kind: .snp, state: .present(SNPGuest.path)) }
    return Finding(kind: .snp, state: .absent("\(SNPGuest.path) is not there: no SEV-SNP guest, or no driver"))
  }

  private static func tdx(_ files: any KernelFiles) -> Finding {
    let device = "/dev/tdx_guest"
    guard files.exists(device) else {
      return Finding(kind: .tdx, state: .absent("\(device) is not there: no trust domain, or no driver"))
    }
    guard files.exists(ConfidentialReports.path) else {
      return Finding(
        kind: .tdx, state: .absent("\(ConfidentialReports.path) is not there: configfs is not mounted, or Linux < 6.7"))
    }
    let runtime = files.exists(RuntimeRegisters.path) ? "with" : "without"
    return Finding(
      kind: .tdx, state: .present("\(ConfidentialReports.path), \(runtime) registers for runtime events"))
  }

  private static func nitro(_ files: any KernelFiles) -> Finding {
    let path = SecureModuleDevice.path
    return files.exists(path)
      ? Finding(kind: .nitroEnclave, state: .present(path))
      : Finding(kind: .nitroEnclave, state: .absent("\(path) is not there: no Nitro enclave"))
  }

  /// Azure's firmware says who it is (SMBIOS chassis asset tag of every Azure VM).
  private static func azure(_ files: any KernelFiles) -> Finding {
    let path = "/sys/class/dmi/id/chassis_asset_tag"
    let tag = (try? files.read(path, limit: 256)).map { String(decoding: $0.filter { $0 > 0x20 }, as: UTF8.self) }
    guard tag == "7783-7084-3265-9085-8269-3286-77" else {
      return Finding(kind: .azure, state: .absent("\(path) is not Azure's"))
    }
    guard device(files) != nil else {
      return Finding(kind: .azure, state: .absent("an Azure machine without a TPM"))
    }
    return Finding(
      kind: .azure, state: .present("the TPM: only a confidential VM has the report at NV index 0x01400001"))
  }
}
