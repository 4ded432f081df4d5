/// Finds and verifies the path from a certificate to a trust anchor (RFC 5280 section 6, without policies and name
/// constraints: a certificate that has them and says that they are critical is refused).
public enum CertificatePath {
  /// How many intermediate certificates may be given.
  public static let maxIntermediates = 16
  /// How many signatures are checked before the search is given up: certificates of one name cannot make it explode.
  static let maxSignatureChecks = 64

  /// Verifies the path from `leaf` over any of `intermediates` to one of `anchors`.
  ///
  /// Of the leaf: validity, critical extensions, and `leafUsage` where it says what its key is for. Of each issuer, the
  /// anchor included: name, signature, validity, critical extensions, CA flag, path length, and that its key may sign
  /// certificates where it says what it is for. An anchor is trusted for its key and name, so its own signature is not
  /// checked; nothing in `intermediates` is trusted for being there.
  ///
  /// - Parameters:
  ///   - at: Unix milliseconds. Both ends of a validity belong to it.
  ///   - knownCriticalExtensions: what the caller itself understands and checks, beside basic constraints and key usage.
  ///   - leafUsage: what the leaf must be for, if it restricts its use; `[]` does not ask.
  ///   - maxDepth: the greatest number of certificates in the path, leaf and anchor included.
  public static func verify(
    leaf: Certificate, intermediates: [Certificate], anchors: [Certificate], at: Int64,
    knownCriticalExtensions: Set<OID> = [], leafUsage: KeyUsage = .digitalSignature, maxDepth: Int = 8
  ) throws(PathFault) -> VerifiedPath {
    guard !anchors.isEmpty else { throw .noAnchors }
    guard intermediates.count <= maxIntermediates else {
      throw .tooManyCertificates(limit: maxIntermediates, actual: intermediates.count)
    }
    var search = Search(
      intermediates: intermediates, anchors: anchors, at: at,
      known: knownCriticalExtensions.union([.basicConstraints, .keyUsage]), maxDepth: maxDepth)
    try search.admit(leaf)
    if let usage = leaf.keyUsage, !usage.isSuperset(of: leafUsage) {
      throw .keyUsage(leaf.subject.description, missing: leafUsage.subtracting(usage))
    }
    let chain = try search.extend([leaf], intermediatesBelow: 0)
    return VerifiedPath(chain: chain)
  }

  private struct Search {
    let intermediates: [Certificate]
    let anchors: [Certificate]
    let at: Int64
    let known: Set<OID>
    let maxDepth: Int
    var signatureChecks = 0

    /// What holds for every certificate of a path.
    func admit(_ certificate: Certificate) throws(PathFault) {
      let name = certificate.subject.description
      guard at >= certificate.notBefore else { throw .notYetValid(name, from: certificate.notBefore, at: at) }
      guard at <= certificate.notAfter else { throw .expired(name, until: certificate.notAfter, at: at) }
      for item in certificate.extensions.all where item.isCritical && !known.contains(item.identifier) {
        throw .criticalExtension(name, item.identifier)
      }
    }

    /// What holds for a certificate that vouches for another.
    func admit(issuer: Certificate, intermediatesBelow count: Int) throws(PathFault) {
      try admit(issuer)
      let name = issuer.subject.description
      guard let constraints = issuer.basicConstraints, constraints.isAuthority else { throw .notAnAuthority(name) }
      if let limit = constraints.pathLength, count > limit { throw .pathTooLong(below: name, limit: limit) }
      if let usage = issuer.keyUsage, !usage.contains(.keyCertSign) { throw .keyUsage(name, missing: .keyCertSign) }
    }

    /// The path that begins with `chain`, anchors tried first. The fault is that of the first issuer that was tried, or of
    /// what came of it.
    mutating func extend(_ chain: [Certificate], intermediatesBelow count: Int) throws(PathFault) -> [Certificate] {
      guard let last = chain.last else { throw .noAnchors }
      var fault: PathFault?
      guard chain.count < maxDepth else { throw .pathTooLong(below: last.issuer.description, limit: maxDepth - 2) }
      for (index, issuer) in (anchors + intermediates).enumerated() where issuer.subject == last.issuer {
        let isAnchor = index < anchors.count
        // A certificate stands in a path once, or two that signed each other would go round for ever.
        if !isAnchor && chain.contains(issuer) { continue }
        do {
          try admit(issuer: issuer, intermediatesBelow: count)
          try check(last, signedBy: issuer)
          if isAnchor { return chain + [issuer] }
          return try extend(chain + [issuer], intermediatesBelow: count + (issuer.isSelfIssued ? 0 : 1))
        } catch {
          fault = fault ?? error
        }
      }
      throw fault ?? .noIssuer(of: last.subject.description, issuer: last.issuer.description)
    }

    mutating func check(_ certificate: Certificate, signedBy issuer: Certificate) throws(PathFault) {
      signatureChecks += 1
      guard signatureChecks <= CertificatePath.maxSignatureChecks else {
        throw .tooManyCertificates(limit: CertificatePath.maxSignatureChecks, actual: signatureChecks)
      }
      guard certificate.isSigned(by: issuer) else {
        throw .invalidSignature(of: certificate.subject.description, issuer: issuer.subject.description)
      }
    }
  }
}

/// A path that ``CertificatePath`` has verified.
public struct VerifiedPath: Sendable, Hashable {
  /// Leaf first, anchor last.
  public let chain: [Certificate]

  init(chain: [Certificate]) { self.chain = chain }

  /// When the first certificate of the path ends, Unix milliseconds.
  public var deadline: Int64 { chain.map(\.notAfter).min() ?? .min }

  /// The anchor at the end.
  public var anchor: Certificate? { chain.last }
}
