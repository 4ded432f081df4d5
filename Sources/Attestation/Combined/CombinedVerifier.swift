extension CheckID {
  static let combinedMachine = CheckID("combined.machine", "The members come from one machine")
}

/// Whether every member is genuine, by the verifier of its own kind.
enum CombinedVerifier {
  /// Verifies each member in the same context. One that does not hold does not keep the others from being verified: all
  /// failures are shown.
  static func verify(
    _ parts: [Evidence], in context: VerificationContext, into checks: inout CheckList
  ) -> CombinedClaims? {
    var verified: [CombinedClaims.Part] = []
    for part in parts {
      var apart = CheckList()
      let claims = part.content.verify(in: context, into: &apart)
      checks.include(apart, of: part.kind)
      if let claims, apart.holds { verified.append(CombinedClaims.Part(kind: part.kind, claims: claims)) }
    }
    checks.notPerformed(.combinedMachine, reason(context.binding))
    // A member that says nothing is not left out of the rest: the whole says nothing.
    return verified.count == parts.count ? CombinedClaims(parts: verified) : nil
  }

  private static func reason(_ binding: Binding) -> String {
    switch binding {
    case .bytes: "no member names the chip of another: they are bound to the same bytes, and each measures its own code"
    case .any: "no member names the chip of another, and without a nonce nothing was bound"
    }
  }
}
