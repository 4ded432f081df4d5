extension Catalogue {
  /// Evidence and the TPM.
  static let attestation: [Group] =
    kinds.map { name, title, peer in
      Group(
        "verifying \(title), one core", unit: "verifications",
        ("attest-\(name)/safebox", "Safebox, from bytes to verdict"),
        ("attest-\(name)/signatures", "its signatures alone: the limit"),
        ("attest-\(name)/peer", peer), ("attest-\(name)/start", "\(peer): starting it"))
    }
    + kinds.map { name, title, _ in
      Group(
        "the page verifies \(title)", unit: "verifications", kind: .latency,
        ("attest-browser-\(name)/safebox", "Safebox's page, Chromium"),
        ("attest-node-\(name)/safebox", "the same script, Node"))
    } + machine

  private static let kinds: [(String, String, String)] = [
    ("tpm-p256", "a TPM's quote, P-256", "tpm2_checkquote"), ("tpm-rsa", "a TPM's quote, RSA-2048", "tpm2_checkquote"),
    ("tpm-log", "a TPM's quote with an event log", "tpm2_checkquote"),
    ("gcp-vtpm", "three quotes of a vTPM of Google", ""),
    ("sev-snp", "an SEV-SNP report", ""), ("azure-cvm", "an SNP report over a TPM's quote (Azure)", ""),
    ("tdx", "a TDX quote", ""), ("tdx-collateral", "a TDX quote with collateral", "dcap-qvl"),
    ("nitro-enclave", "a Nitro enclave's document", ""), ("nitrotpm", "a NitroTPM document and quote", ""),
  ]

  private static let machine: [Group] = [
    ("tpm-quote-p256", "quote of 16 registers, P-256", "tpm2_quote"),
    ("tpm-quote-rsa", "quote of 16 registers, RSA-2048", "tpm2_quote"),
    ("tpm-extend", "extension of a register", "tpm2_pcrextend"),
    ("tpm-counter", "raising a counter", "tpm2_nvincrement"), ("tpm-seal", "sealing 32 bytes to 8 registers", ""),
    ("tpm-unseal", "opening them", ""),
  ].map { name, title, peer in
    Group(
      "software TPM: \(title)", unit: "operations", kind: .latency, ("\(name)/safebox", "Safebox"),
      ("\(name)/tpm2-tools", "\(peer), a process each"))
  }
}
