extension CheckID {
  static let tdxFormat = CheckID("tdx.format", "The quote is a TDX quote of version 4 or 5, exactly laid out")
  static let tdxLength = CheckID("tdx.length", "Nothing follows the quote but the zeros of a buffer")
  static let tdxQuoteSignature = CheckID("tdx.quote-signature", "The attestation key signed header and report")
  static let tdxAttestationKey = CheckID(
    "tdx.attestation-key", "The quoting enclave's report names the attestation key")
  static let tdxPCKChain = CheckID("tdx.pck-chain", "The platform's certificate leads to Intel's root")
  static let tdxPCKProfile = CheckID("tdx.pck-profile", "The platform's certificate is one for provisioning")
  static let tdxQESignature = CheckID("tdx.qe-signature", "The platform's key signed the quoting enclave's report")
  static let tdxQEIdentity = CheckID("tdx.qe-identity", "The quoting enclave is Intel's")
  static let tdxModule = CheckID("tdx.module", "The TDX module is Intel's")
  static let tdxBinding = CheckID("tdx.binding", "The quote was made for what the caller expects")

  static let tdxTCBSigner = CheckID("tdx.tcb-signer", "The certificate that signs TCB info leads to Intel's root")
  static let tdxTCBInfo = CheckID("tdx.tcb-info", "TCB info is signed and readable")
  static let tdxTCBInfoCurrent = CheckID("tdx.tcb-info-current", "TCB info is issued and has not expired")
  static let tdxTCBInfoPlatform = CheckID("tdx.tcb-info-platform", "TCB info is about this family of platforms")
  static let tdxQESigner = CheckID(
    "tdx.qe-signer", "The certificate that signs the enclave's identity leads to Intel's root")
  static let tdxQEDocument = CheckID("tdx.qe-document", "The quoting enclave's identity is signed and readable")
  static let tdxQEDocumentCurrent = CheckID("tdx.qe-document-current", "The identity is issued and has not expired")
  static let tdxRootCRL = CheckID("tdx.root-crl", "The root's revocation list is signed and current")
  static let tdxPCKCRL = CheckID("tdx.pck-crl", "The revocation list of platform certificates is signed and current")
  static let tdxRevocation = CheckID("tdx.revocation", "No certificate that was relied on is revoked")
  static let tdxTCBLevel = CheckID("tdx.tcb-level", "Intel knows how platform, module and quoting enclave stand")

  /// What every quote owes.
  static let tdxQuoteChecks: [CheckID] = [
    .tdxFormat, .tdxLength, .tdxQuoteSignature, .tdxAttestationKey, .tdxPCKChain, .tdxPCKProfile, .tdxQESignature,
    .tdxQEIdentity, .tdxModule,
  ]
  /// What collateral owes, in the order in which it is checked.
  static let tdxCollateralChecks: [CheckID] = [
    .tdxTCBSigner, .tdxTCBInfo, .tdxTCBInfoCurrent, .tdxTCBInfoPlatform, .tdxQESigner, .tdxQEDocument,
    .tdxQEDocumentCurrent, .tdxRootCRL, .tdxPCKCRL, .tdxRevocation, .tdxTCBLevel,
  ]
}
