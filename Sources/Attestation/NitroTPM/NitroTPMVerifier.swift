import CanonicalJSON
import Cryptography

extension CheckID {
  static let nitroTPMKey = CheckID("nitrotpm.ak", "The attestation key is the one that the document names")
  static let nitroTPMNonce = CheckID("nitrotpm.nonce", "Document and quote were made for one nonce")
  static let nitroTPMRegisters = CheckID(
    "nitrotpm.pcrs", "The document's registers and the quoted ones are the same, all and only")
}

/// Whether document and quote are genuine, and of one machine at one time.
///
/// The document is signed below AWS's root and says what the registers of bank SHA-384 hold. The quote is worth what its key
/// is, and software on the instance has chosen the key that the document names: so the quote adds the TPM's clock and
/// counters to what the document says, and may not say anything of its own about registers.
enum NitroTPMVerifier {
  static let checks: [CheckID] = [.nitroTPMKey, .nitroTPMNonce, .nitroTPMRegisters]

  static func verify(
    _ evidence: NitroTPMEvidence, in context: VerificationContext, into checks: inout CheckList
  ) -> NitroTPMClaims? {
    checks.demand(NitroVerifier.checks + Self.checks + TPMQuoteVerifier.checks)
    let found = NitroVerifier.verify(evidence.document, about: .instance, in: context, into: &checks)
    guard let found, let key = key(evidence.key, found.document, into: &checks) else { return nil }
    nonce(found.document, evidence.quote, into: &checks)
    registers(found.document, evidence.pcrs, into: &checks)
    let signature: TPMTSignature
    do throws(FieldError) { signature = try TPMTSignature(evidence.signature) } catch {
      checks.fail(.tpmSignature, error)
      return nil
    }
    let quote = TPMQuoteVerifier.verify(
      quote: evidence.quote, signature: signature, key: key, pcrs: evidence.pcrs, binding: context.binding,
      into: &checks)
    guard let quote, let bank = quote.bank(.sha384) else { return nil }
    let measurements = evidence.logs.verify(against: bank.measured, into: &checks)
    guard let anchor = found.anchor, checks.holds else { return nil }
    return NitroTPMClaims(
      assurance: anchor.assurance, document: found.document, age: found.age, quote: quote, measurements: measurements,
      key: key)
  }

  /// The document's key. What the sender says about the key may repeat it, and nothing else.
  private static func key(
    _ given: [UInt8]?, _ document: NitroDocument, into checks: inout CheckList
  ) -> TPMPublicKey? {
    guard let named = document.publicKey else {
      checks.fail(.nitroTPMKey, expected: "document.public_key", actual: "absent")
      return nil
    }
    do throws(FieldError) {
      let key = try AttestationKeyText(named, path: "document.public_key")
      if let given, given != named {
        let sent = try AttestationKeyText(given, path: "akPublic")
        // Nothing signs attributes that only the sender states.
        guard sent.area == nil, sent.key.spkiDER == key.key.spkiDER else {
          checks.fail(
            .nitroTPMKey, expected: "the key \(SHA256.hash(key.key.spkiDER)), or the document's own public area",
            actual: sent.area == nil ? "the key \(SHA256.hash(sent.key.spkiDER))" : "another public area")
          return nil
        }
      }
      checks.pass(.nitroTPMKey, "\(key.key.algorithm), \(SHA256.hash(key.key.spkiDER))")
      if let area = key.area {
        TPMKeyVerifier.verifyAttributes(of: area, into: &checks)
      } else {
        checks.notPerformed(
          .tpmKeyAttributes, "the document names the bare key, and whoever asked for it chose the key")
      }
      return key.key
    } catch {
      checks.fail(.nitroTPMKey, error)
      return nil
    }
  }

  private static func nonce(_ document: NitroDocument, _ quote: [UInt8], into checks: inout CheckList) {
    guard let nonce = document.nonce, !nonce.isEmpty else {
      return checks.fail(
        .nitroTPMNonce, expected: "a nonce in the document", actual: document.nonce == nil ? "absent" : "empty")
    }
    let extraData = (try? TPMQuote(quote))?.extraData
    checks.require(
      .nitroTPMNonce, extraData == nonce, expected: Hex.encode(nonce),
      actual: extraData.map(Hex.encode) ?? "an unreadable quote")
  }

  /// Both ways: a register that only the quote has is vouched for by nobody, one that only the document has was not quoted.
  private static func registers(_ document: NitroDocument, _ pcrs: [PCRBank], into checks: inout CheckList) {
    let quoted = pcrs.first { $0.algorithm == .sha384 }?.values ?? [:]
    let others = pcrs.map(\.algorithm).filter { $0 != .sha384 }
    guard others.isEmpty else {
      return checks.fail(
        .nitroTPMRegisters, expected: "registers of bank sha384, which the document has",
        actual: pcrs.map(\.algorithm.rawValue).joined(separator: ", "))
    }
    let different = Set(quoted.keys).union(document.pcrs.keys).sorted().filter { quoted[$0] != document.pcrs[$0] }
    checks.require(
      .nitroTPMRegisters, different.isEmpty,
      expected: different.map { "pcr\($0) \(document.pcrs[$0].map(Hex.encode) ?? "absent")" }.joined(separator: ", "),
      actual: different.isEmpty
        ? "\(quoted.count) registers"
        : different.map { "pcr\($0) \(quoted[$0].map(Hex.encode) ?? "absent")" }.joined(separator: ", "))
  }
}

/// An attestation key in the forms in which it is named: an uncompressed point of P-256 or P-384 (SEC 1 section 2.3.3), a
/// SubjectPublicKeyInfo, or the public area with its attributes.
struct AttestationKeyText {
  let key: TPMPublicKey
  /// nil for a bare key.
  let area: TPMTPublic?

  init(_ bytes: [UInt8], path: String) throws(FieldError) {
    guard bytes.first == 0x04 || bytes.first == 0x30 else {
      let area = try TPMTPublic(bytes, path: path)
      self.area = area
      key = area.key
      return
    }
    area = nil
    do throws(CryptographyError) {
      switch (bytes[0], bytes.count) {
      case (0x04, 65): key = .p256(try P256.PublicKey(x963: bytes))
      case (0x04, _): key = .p384(try P384.PublicKey(x963: bytes))
      default: key = try TPMPublicKey(spkiDER: bytes)
      }
    } catch {
      throw FieldError(
        field: path, expected: "a point, a SubjectPublicKeyInfo or a public area", actual: error.description)
    }
  }
}
