import CanonicalJSON
import Cryptography

extension CheckID {
  static let nitroEnvelope = CheckID("nitro.envelope", "The document is signed with ES384 and carries nothing beside")
  static let nitroDocument = CheckID("nitro.document", "The document has all members of its kind, within their limits")
  static let nitroCertificate = CheckID(
    "nitro.certificate", "The document's certificates can be read, and are of P-384")
  static let nitroChain = CheckID("nitro.chain", "The certificate hangs below a trusted root of AWS")
  static let nitroSignature = CheckID("nitro.signature", "The key of the certificate signed the document")
  static let nitroTimestamp = CheckID("nitro.timestamp", "The document was made while its certificates were valid")
  static let nitroBinding = CheckID("nitro.binding", "The document was made for this question")
  static let nitroRevocation = CheckID("nitro.revocation", "Nobody has revoked the certificates")
}

/// Whether an attestation document is genuine: its syntax, its signature, and the chain to a root of AWS.
enum NitroVerifier {
  /// The checks that ``verify(_:about:in:into:)`` demands.
  static let checks: [CheckID] = [
    .nitroEnvelope, .nitroDocument, .nitroCertificate, .nitroChain, .nitroSignature, .nitroTimestamp, .nitroBinding,
  ]
  /// How far the module's clock may run ahead of the verifier's, in milliseconds.
  static let clockTolerance: Int64 = 60_000

  /// A document that could be read, and what was found about it. Believe it only where all checks hold.
  struct Findings {
    let document: NitroDocument
    /// The root that vouches; nil where none does.
    let anchor: TrustAnchor?
    /// How old the document was when it was judged, in milliseconds; never negative.
    let age: Int64
    /// Members that carry what the caller asked for; nil where the caller did not ask.
    let bound: Set<NitroField>?
  }

  /// - Returns: nil where the document cannot be read or is about another subject.
  static func verify(
    _ bytes: [UInt8], about subject: NitroDocument.Subject, in context: VerificationContext,
    into checks: inout CheckList
  ) -> Findings? {
    checks.demand(Self.checks)
    let message: COSESign1
    let document: NitroDocument
    do throws(FieldError) { message = try COSESign1(bytes) } catch {
      checks.fail(.nitroEnvelope, error)
      return nil
    }
    checks.pass(.nitroEnvelope, "COSE_Sign1 with ES384, \(bytes.count) bytes")
    do throws(FieldError) { document = try NitroDocument(message.payload) } catch {
      checks.fail(.nitroDocument, error)
      return nil
    }
    guard
      checks.require(
        .nitroDocument, document.subject == subject, expected: "a document of \(subject.name)",
        actual: "a document of \(document.subject.name): \(document.moduleID)")
    else { return nil }
    let signer = signer(document, into: &checks)
    let path = signer.flatMap { chain(from: $0, in: context, into: &checks) }
    if let signer {
      let isSigned = message.isSigned(by: signer.key)
      checks.require(
        .nitroSignature, isSigned, expected: "the signature of the key in the certificate",
        actual: isSigned ? "ECDSA P-384 with SHA-384" : "another one")
    }
    timestamp(of: document, path?.chain ?? [], in: context, into: &checks)
    let bound = binding(of: document, in: context, into: &checks)
    checks.notPerformed(
      .nitroRevocation, "AWS publishes no lists: the certificates of modules are valid for hours, and that retires them"
    )
    return Findings(
      document: document, anchor: path?.anchor, age: max(0, max(0, context.at) - document.timestamp), bound: bound)
  }

  private struct Signer {
    let leaf: Certificate
    let key: P384.PublicKey
    let authorities: [Certificate]
  }

  private static func signer(_ document: NitroDocument, into checks: inout CheckList) -> Signer? {
    do throws(CryptographyError) {
      let leaf = try Certificate(der: document.certificate)
      let authorities = try document.authorities.map { der throws(CryptographyError) in try Certificate(der: der) }
      guard case .p384(let key) = leaf.publicKey else {
        checks.fail(.nitroCertificate, expected: "a key on P-384", actual: leaf.publicKey.summary)
        return nil
      }
      checks.pass(.nitroCertificate, leaf.subject.description)
      return Signer(leaf: leaf, key: key, authorities: authorities)
    } catch {
      checks.fail(.nitroCertificate, expected: "certificates", actual: error.description)
      return nil
    }
  }

  /// The root inside the document counts for nothing: the path ends at an anchor of the context.
  private static func chain(
    from signer: Signer, in context: VerificationContext, into checks: inout CheckList
  ) -> (chain: [Certificate], anchor: TrustAnchor)? {
    let trusted = context.anchors.anchors(for: .awsNitro)
    do throws(PathFault) {
      let path = try CertificatePath.verify(
        leaf: signer.leaf, intermediates: signer.authorities, anchors: trusted.map(\.certificate), at: context.at)
      guard let anchor = trusted.first(where: { $0.certificate == path.anchor }) else { return nil }
      checks.limit(until: path.deadline)
      checks.pass(.nitroChain, path.chain.map { $0.subject.commonName ?? "?" }.joined(separator: " < "))
      return (path.chain, anchor)
    } catch {
      checks.fail(.nitroChain, expected: error.expected, actual: error.actual)
      return nil
    }
  }

  /// The document's own time says when it was made; the certificates' say only until when its signature may be relied on.
  private static func timestamp(
    of document: NitroDocument, _ chain: [Certificate], in context: VerificationContext, into checks: inout CheckList
  ) {
    let made = document.timestamp
    let from = chain.map(\.notBefore).max() ?? .min
    let until = min(chain.map(\.notAfter).min() ?? .max, max(0, context.at) + clockTolerance)
    checks.require(
      .nitroTimestamp, from <= made && made <= until,
      expected: chain.isEmpty ? "at most \(until)" : "\(from) to \(until)", actual: "\(made)")
  }

  /// Three members take what the caller of the module gives. Which of them may carry the binding is for the policy to say; here
  /// at least one must.
  private static func binding(
    of document: NitroDocument, in context: VerificationContext, into checks: inout CheckList
  ) -> Set<NitroField>? {
    guard case .bytes(let bytes) = context.binding else {
      checks.waive(.nitroBinding, because: "the caller asked for no nonce: this may be a replay")
      return nil
    }
    let bound = Set(NitroField.allCases.filter { $0.carries(context.binding, in: document) })
    let found = NitroField.allCases.map { "\($0.rawValue) \($0.value(in: document).map(Hex.encode) ?? "absent")" }
    checks.require(
      .nitroBinding, !bound.isEmpty, expected: Hex.encode(bytes),
      actual: bound.isEmpty ? found.joined(separator: ", ") : bound.map(\.rawValue).sorted().joined(separator: ", "))
    return bound
  }
}

/// A member of the document that whoever asks the module for it fills.
enum NitroField: String, Sendable, Hashable, CaseIterable {
  case nonce
  case userData = "user-data"
  case publicKey = "public-key"

  func value(in document: NitroDocument) -> [UInt8]? {
    switch self {
    case .nonce: document.nonce
    case .userData: document.userData
    case .publicKey: document.publicKey
    }
  }

  /// Whether the member is exactly the bytes. User data of 64 bytes is what tools write that speak of report data: there,
  /// zeros may follow.
  func carries(_ binding: Binding, in document: NitroDocument) -> Bool {
    guard let value = value(in: document) else { return false }
    return binding.matches(value, fixedWidth: self == .userData && value.count == 64)
  }
}

extension NitroDocument.Subject {
  var name: String {
    switch self {
    case .enclave: "an enclave"
    case .instance: "an instance with NitroTPM"
    }
  }
}
