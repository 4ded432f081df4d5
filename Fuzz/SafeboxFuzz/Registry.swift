/// All fuzz targets. A room that reads untrusted bytes adds one line here and a file of its own beside this one.
enum Registry {
  static let targets: [FuzzTarget] = [
    JSONTargets.parse,
    JSONTargets.agreement,
    ClaimTargets.parse,
    ClaimTargets.verify,
    CryptographyTargets.text,
    CryptographyTargets.signature,
    CryptographyTargets.key,
    TransparencyLogTargets.note,
    TransparencyLogTargets.checkpoint,
    TransparencyLogTargets.verifierKey,
    TransparencyLogTargets.proof,
    TransparencyLogTargets.request,
    TransparencyLogTargets.response,
    TransparencyLogTargets.policy,
    TransparencyLogTargets.tilePath,
    TransparencyLogTargets.bundle,
    TransparencyLogTargets.merkle,
    GovernanceTargets.entry,
    GovernanceTargets.apply,
    GovernanceTargets.constitution,
    ReceiptTargets.parse,
    ReceiptTargets.verify,
    HTTPTargets.head,
    HTTPTargets.chunks,
  ]
}
