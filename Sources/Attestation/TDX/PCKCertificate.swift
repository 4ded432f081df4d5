import CanonicalJSON
import Cryptography

/// The roots that a verification accepts for Intel's platforms.
struct IntelAnchors {
  let anchors: [TrustAnchor]

  init(_ context: VerificationContext) { self.init(context.anchors.anchors(for: .intelSGX)) }

  private init(_ anchors: [TrustAnchor]) { self.anchors = anchors }

  /// Only this root; all of them where none was found.
  func only(_ root: Certificate?) -> IntelAnchors {
    root == nil ? self : IntelAnchors(anchors.filter { $0.certificate == root })
  }

  var certificates: [Certificate] { anchors.map(\.certificate) }

  func assurance(of root: Certificate?) -> Assurance? { anchors.first { $0.certificate == root }?.assurance }

  /// The chain without its root. A root that comes with the evidence must be one of ours, byte for byte: another one proves
  /// nothing, and whoever sends it wants it believed.
  func withoutRoot(_ chain: [Certificate], count: Int) throws(FieldError) -> [Certificate] {
    guard chain.count == count || chain.count == count + 1 else {
      throw FieldError(
        field: "chain", expected: "\(count) certificates, and perhaps the root", actual: "\(chain.count) certificates")
    }
    if let root = chain.dropFirst(count).first, !certificates.contains(root) {
      throw FieldError(field: "chain", expected: "a root that this program carries", actual: root.subject.description)
    }
    return [Certificate](chain.prefix(count))
  }
}

/// The certificate of a platform's provisioning key with its CA, as far as it held.
struct PCKCertificate {
  let leaf: Certificate
  let authority: Certificate
  /// nil where the path to a root did not hold.
  let path: VerifiedPath?
  let assurance: Assurance?
  /// nil where the certificate does not follow the profile.
  let platform: PCKPlatform?

  static let leafName = ExactText("Intel SGX PCK Certificate")
  static let authorityNames: Set<ExactText> = [
    ExactText("Intel SGX PCK Platform CA"), ExactText("Intel SGX PCK Processor CA"),
  ]

  /// Makes the checks of the chain, of the profile, and of the signature on the quoting enclave's report. nil where there is
  /// no certificate to go on with.
  static func verify(
    _ quote: TDXQuote, anchors: IntelAnchors, at: Int64, into checks: inout CheckList
  ) -> PCKCertificate? {
    let leaf: Certificate
    let authority: Certificate
    do {
      let chain = try anchors.withoutRoot(try read(quote.certificatesPEM), count: 2)
      (leaf, authority) = (chain[0], chain[1])
    } catch {
      checks.fail(.tdxPCKChain, error)
      return nil
    }
    let path = self.path(leaf, [authority], anchors, at: at, .tdxPCKChain, into: &checks)
    let platform = profile(leaf, authority, into: &checks)
    signature(quote, leaf, into: &checks)
    return PCKCertificate(
      leaf: leaf, authority: authority, path: path, assurance: anchors.assurance(of: path?.anchor), platform: platform)
  }

  /// The first certificate of a quote, of which nothing has been verified.
  static func leaf(of quote: [UInt8]) -> Certificate? {
    guard let quote = try? TDXQuote(parsing: quote) else { return nil }
    return (try? read(quote.certificatesPEM))?.first
  }

  /// The blocks of certification data; Intel's library ends them with a zero byte in some versions.
  private static func read(_ pem: [UInt8]) throws(FieldError) -> [Certificate] {
    let text = pem.last == 0 ? pem.dropLast() : pem[...]
    do { return try Certificate.all(pem: String(decoding: text, as: UTF8.self)) } catch {
      throw FieldError(field: "certificates", expected: "the PEM of the PCK certificate and its CA", actual: "\(error)")
    }
  }

  /// Makes the check of a path to Intel's root; the result holds no longer than its certificates.
  static func path(
    _ leaf: Certificate, _ intermediates: [Certificate], _ anchors: IntelAnchors, at: Int64, _ id: CheckID,
    into checks: inout CheckList
  ) -> VerifiedPath? {
    do {
      let path = try CertificatePath.verify(
        leaf: leaf, intermediates: intermediates, anchors: anchors.certificates, at: at,
        maxDepth: intermediates.count + 2)
      guard path.chain.count == intermediates.count + 2 else {
        checks.fail(id, expected: "\(intermediates.count + 2) certificates", actual: "\(path.chain.count) certificates")
        return nil
      }
      checks.limit(until: path.deadline)
      checks.pass(id, path.chain.map { $0.subject.commonName ?? "(no name)" }.joined(separator: " <- "))
      return path
    } catch {
      checks.fail(id, expected: error.expected, actual: error.actual)
      return nil
    }
  }

  /// Every certificate below the root is Intel's, but not every one is for this: names and the SGX extension tell (PCK
  /// certificate profile, sections 1.2 and 1.3).
  private static func profile(
    _ leaf: Certificate, _ authority: Certificate, into checks: inout CheckList
  ) -> PCKPlatform? {
    guard leaf.subject.commonName.map(ExactText.init) == leafName else {
      checks.fail(.tdxPCKProfile, expected: leafName.text, actual: leaf.subject.description)
      return nil
    }
    guard let name = authority.subject.commonName, authorityNames.contains(ExactText(name)) else {
      checks.fail(
        .tdxPCKProfile, expected: authorityNames.map(\.text).sorted().joined(separator: " or "),
        actual: authority.subject.description)
      return nil
    }
    guard let value = leaf.extension(PCKPlatform.extensionOID) else {
      checks.fail(.tdxPCKProfile, expected: "the SGX extension \(PCKPlatform.extensionOID)", actual: "none")
      return nil
    }
    do {
      let platform = try PCKPlatform(extensionValue: value)
      checks.pass(.tdxPCKProfile, "FMSPC \(Hex.encode(platform.fmspc)), PCE \(platform.pceSVN), \(name)")
      return platform
    } catch {
      checks.fail(.tdxPCKProfile, expected: "a readable SGX extension", actual: "\(error)")
      return nil
    }
  }

  private static func signature(_ quote: TDXQuote, _ leaf: Certificate, into checks: inout CheckList) {
    var holds = false
    if case .p256(let key) = leaf.publicKey, let signature = try? ECDSASignature(p1363: quote.quotingEnclaveSignature) {
      holds = key.isValid(signature, for: quote.quotingEnclaveBytes)
    }
    checks.require(
      .tdxQESignature, holds, expected: "a signature of the PCK over the quoting enclave's report",
      actual: holds ? "ECDSA P-256" : "no valid signature")
  }
}
