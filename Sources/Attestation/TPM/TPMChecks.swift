extension CheckID {
  static let tpmQuote = CheckID("tpm.quote", "The quote is a TPM's statement of a quote, to the last byte")
  static let tpmSignatureHash = CheckID("tpm.signature-hash", "The signature is made with SHA-256 or better")
  static let tpmSignature = CheckID("tpm.signature", "The attestation key signed the quote")
  static let tpmNonce = CheckID("tpm.nonce", "The quote was made for this nonce or these keys")
  static let tpmBank = CheckID("tpm.bank", "The quoted registers are of banks of SHA-256 or better")
  static let tpmSelection = CheckID("tpm.selection", "The values given are those of the quoted registers, all and only")
  static let tpmDigest = CheckID("tpm.pcr-digest", "The quoted digest is that of the values given")
  static let tpmKey = CheckID("tpm.ak", "The attestation key's public area can be read, to the last byte")
  static let tpmKeyAttributes = CheckID(
    "tpm.ak-attributes", "The attestation key is made in, bound to and signs only for its TPM")
  static let tpmKeyTrust = CheckID("tpm.ak-trust", "Somebody trusted vouches for the attestation key")
}
