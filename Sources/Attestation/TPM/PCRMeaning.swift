/// What the registers of a TPM hold by convention (PC Client Platform Firmware Profile, section 3.3.4; the UAPI group's
/// registry of PCRs), so that policies name them by meaning.
public enum PCRMeaning {
  /// By index; registers without a meaning of their own are `pcr17` to `pcr22`.
  public static let names = [
    "firmware-code", "firmware-configuration", "option-roms", "option-rom-configuration", "boot-loader",
    "boot-loader-configuration", "platform-events", "secure-boot", "boot-commands", "boot-files", "ima", "uki",
    "kernel-parameters", "system-extensions", "safebox-code", "system-identity", "debug", "pcr17", "pcr18", "pcr19",
    "pcr20", "pcr21", "pcr22", "application",
  ]

  /// The register of a name: one of ``names``, or `pcr0` to `pcr23`.
  public static func index(named name: String) -> Int? {
    names.firstIndex(of: name) ?? PCRBank.indexes.first { "pcr\($0)" == name }
  }
}
