import CanonicalJSON
import Cryptography

extension CheckID {
  static let tpmKeyName = CheckID("tpm.ak-name", "The public area is that of the key that signed the quote")
}

/// Where a key stands in its TPM: a digest over the names of the key and of all its ancestors (TPM 2.0 part 1, section 16). A
/// certificate vouches for the key's numbers alone; this is how the rest of its public area comes under a signature.
enum TPMQualifiedName {
  /// TPM_RH_OWNER, TPM_RH_ENDORSEMENT, TPM_RH_PLATFORM and TPM_RH_NULL (part 2, section 7.4).
  static let hierarchies: [(name: String, handle: UInt32)] = [
    ("owner", 0x4000_0001), ("endorsement", 0x4000_000B), ("platform", 0x4000_000C), ("null", 0x4000_0007),
  ]

  static func name(of key: TPMTPublic, below ancestors: [UInt8]) -> [UInt8] {
    let digest = key.nameAlgorithm.trusted?.hash(ancestors + key.name) ?? []
    return TPMBytes.uint16(key.nameAlgorithm.identifier) + digest
  }

  /// The hierarchy below which the key, or its parent, was made, if its qualified name is this one.
  static func hierarchy(of key: TPMTPublic, parent: TPMTPublic?, qualifiedName: [UInt8]) -> String? {
    hierarchies.first { hierarchy in
      let root = TPMBytes.uint32(hierarchy.handle)
      let ancestors = parent.map { name(of: $0, below: root) } ?? root
      return name(of: key, below: ancestors) == qualifiedName
    }?.name
  }
}

extension TPMKeyVerifier {
  /// Demands and makes `tpm.ak-name`.
  ///
  /// - Parameters:
  ///   - parent: the public area of the key below which the attestation key was made, itself made below a hierarchy; nil where
  ///     the attestation key was made below a hierarchy, or its name is enrolled.
  ///   - quote: what the key signed, verified: it names the key with all its ancestors.
  @discardableResult
  public static func verifyName(
    of key: TPMTPublic, parent: TPMTPublic?, in context: VerificationContext, quote: VerifiedQuote,
    into checks: inout CheckList
  ) -> Bool {
    checks.demand([.tpmKeyName])
    if parent == nil && context.anchors.enrolled[key.name] != nil {
      checks.pass(.tpmKeyName, "enrolled by this name")
      return true
    }
    let signer = quote.quote.qualifiedSigner
    guard let hierarchy = TPMQualifiedName.hierarchy(of: key, parent: parent, qualifiedName: signer) else {
      checks.fail(
        .tpmKeyName, expected: "the qualified name \(Hex.encode(signer))",
        actual: "\(Hex.encode(key.name)) \(parent == nil ? "as a primary key" : "below the parent given")")
      return false
    }
    checks.pass(.tpmKeyName, "\(parent == nil ? "a primary key" : "below a primary key") of the \(hierarchy) hierarchy")
    return true
  }
}
