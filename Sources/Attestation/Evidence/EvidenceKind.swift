/// What a piece of evidence is.
public enum EvidenceKind: String, Sendable, Hashable, CaseIterable {
  /// A quote of a TPM 2.0, with the certificates of its attestation key.
  case tpm
  /// The same from a virtual machine of Google Cloud.
  case gcpVTPM = "gcp-vtpm"
  /// An AMD SEV-SNP report.
  case snp = "sev-snp"
  /// An Azure confidential VM: SNP report or TDX quote over runtime data that names the key of a TPM quote.
  case azure = "azure-cvm"
  /// An Intel TDX quote.
  case tdx
  /// An attestation document of an AWS Nitro enclave.
  case nitroEnclave = "nitro-enclave"
  /// An attestation document of an EC2 instance with NitroTPM, and the TPM's quote.
  case nitroTPM = "nitrotpm"
  /// An attestation report of an NVIDIA GPU.
  case nvidia = "nvidia-gpu"
  /// Evidence of several of these, made for one binding.
  case combined
}
