import CanonicalJSON
import Cryptography

extension CheckID {
  static let gcpInstance = CheckID("gcp.instance", "Google certifies the instance that the attestation key belongs to")
  static let gcpQuotes = CheckID("gcp.quotes", "The quotes are of different banks and of one boot")
  static let gcpSHA1 = CheckID(
    "gcp.sha1", "What is quoted of the SHA-1 bank is genuine too, and nothing rests on it")
  static let gcpUnverified = CheckID("gcp.unverified", "What else came along")
}

/// Is evidence of a Google vTPM genuine?
///
/// 1. `tpm.ak`, `tpm.ak-attributes`: the attestation key, by its own account.
/// 2. `tpm.ak-trust`: its certificate, up to Google's roots. Enrolment is not enough here: without the certificate nobody says
///    which machine it is.
/// 3. `gcp.instance`: the certificate names an instance, the one that the evidence says it is of, if it says so.
/// 4. `gcp.quotes`: each bank is quoted once, and all quotes were made between the same two resets.
/// 5. For each quote all checks of ``TPMQuoteVerifier``; `gcp.sha1` for a quote of the SHA-1 bank.
/// 6. `tpm.ak-name`: the public area is that of the key that signed, a primary key of the TPM.
/// 7. The event log, against each quoted bank that is better than SHA-1; the runtime events.
struct GCPVerifier {
  let evidence: GCPEvidence
  let context: VerificationContext

  func verify(into checks: inout CheckList) -> GCPClaims? {
    checks.demand([.tpmKey, .tpmKeyAttributes, .tpmKeyTrust, .gcpInstance, .gcpQuotes] + TPMQuoteVerifier.checks)
    let key: TPMTPublic
    do throws(FieldError) {
      key = try TPMTPublic(evidence.key)
      checks.pass(.tpmKey, "\(key.key.algorithm), \(Hex.encode(key.name))")
    } catch {
      checks.fail(.tpmKey, error)
      return nil
    }
    // Enrolment names a key; here Google must name its machine.
    var certifiedOnly = context
    certifiedOnly.anchors.enrolled = [:]
    TPMKeyVerifier.verifyAttributes(of: key, into: &checks)
    let assurance = verifyTrust(of: key, in: certifiedOnly, &checks)
    let certified = verifyInstance(isTrusted: assurance != nil, &checks)
    verifyQuotes(&checks)
    var quotes: [VerifiedQuote] = []
    for quote in evidence.quotes {
      if quote.isOfSHA1 {
        verifySHA1(quote, key, &checks)
      } else if let verified = verify(quote, key, &checks) {
        quotes.append(verified)
      }
    }
    if !evidence.unverified.isEmpty {
      checks.notPerformed(.gcpUnverified, "not read: \(evidence.unverified.joined(separator: ", "))")
    }
    // Logs are held against registers that are signed, never against those that only came along.
    guard let first = quotes.first(where: { $0.bank(.sha256) != nil }) ?? quotes.first,
      let bank = first.measuredBank
    else { return nil }
    for quote in quotes {
      TPMKeyVerifier.verifyName(of: key, parent: nil, in: certifiedOnly, quote: quote, into: &checks)
    }
    let measurements = evidence.logs.verify(against: bank.measured, into: &checks)
    // Runtime events are extended into one bank; the firmware's log is about all of them.
    if evidence.logs.runtime == nil {
      for other in quotes.flatMap(\.banks) where other.algorithm != bank.algorithm {
        _ = evidence.logs.verify(against: other.measured, into: &checks)
      }
    }
    guard checks.holds, let assurance, let certified else { return nil }
    return GCPClaims(
      assurance: assurance, machine: certified, quotes: quotes, measurements: measurements, keyName: key.name,
      key: key.key)
  }

  private func verifyTrust(
    of key: TPMTPublic, in context: VerificationContext, _ checks: inout CheckList
  ) -> Assurance? {
    // Google publishes its intermediates beside its roots; machines keep the last certificate only.
    TPMKeyVerifier.verifyTrust(
      of: key.key, name: key.name, certificates: evidence.certificates, purpose: .googleVTPM,
      published: GCPRoots.intermediates, keyPurpose: nil, in: context, into: &checks)
  }

  private func verifyInstance(isTrusted: Bool, _ checks: inout CheckList) -> GCPInstanceCertificate? {
    guard isTrusted, let der = evidence.certificates.first else {
      checks.notPerformed(.gcpInstance, "there is no certificate that Google signed")
      return nil
    }
    do throws(CryptographyError) {
      guard let certified = try GCPInstanceCertificate(try Certificate(der: der)) else {
        checks.fail(.gcpInstance, expected: "the extension \(OID.gceInstance)", actual: "a certificate without it")
        return nil
      }
      let name = "\(certified.instance.instanceName) (\(certified.instance.instanceID)) in \(certified.instance.zone)"
      if let claimed = evidence.instance, claimed != certified.instance {
        checks.fail(
          .gcpInstance, expected: name,
          actual: "\(claimed.instanceName) (\(claimed.instanceID)) in \(claimed.zone)")
        return nil
      }
      checks.pass(.gcpInstance, name)
      return certified
    } catch {
      checks.fail(.gcpInstance, expected: "the extension \(OID.gceInstance)", actual: error.description)
      return nil
    }
  }

  private func verifyQuotes(_ checks: inout CheckList) {
    let banks = evidence.quotes.flatMap { $0.pcrs.map(\.algorithm.rawValue) }
    let parsed = evidence.quotes.compactMap { try? TPMQuote($0.quote).clockInfo }
    let boots = Set(parsed.map { "\($0.resetCount) resets, \($0.restartCount) restarts" })
    checks.require(
      .gcpQuotes, Set(banks).count == banks.count && boots.count <= 1 && !evidence.quotes.allSatisfy(\.isOfSHA1),
      expected: "each bank once, one of SHA-256 or better, all of one boot",
      actual: "\(banks.joined(separator: ", ")); \(boots.sorted().joined(separator: "; "))")
  }

  private func verify(
    _ quote: GCPEvidence.Quote, _ key: TPMTPublic, _ checks: inout CheckList
  ) -> VerifiedQuote? {
    let signature: TPMTSignature
    do throws(FieldError) {
      signature = try TPMTSignature(quote.signature)
    } catch {
      checks.fail(.tpmSignature, error)
      return nil
    }
    return TPMQuoteVerifier.verify(
      quote: quote.quote, signature: signature, key: key.key, pcrs: quote.pcrs, binding: context.binding,
      into: &checks)
  }

  /// The same checks, of which that of the bank alone may fail. Left unchecked, a part of the evidence could be anything.
  private func verifySHA1(_ quote: GCPEvidence.Quote, _ key: TPMTPublic, _ checks: inout CheckList) {
    var apart = CheckList()
    _ = verify(quote, key, &apart)
    let failed = apart.checks.filter { if case .failed = $0.outcome { true } else { false } }.map(\.id.name)
    checks.require(
      .gcpSHA1, failed == [CheckID.tpmBank.name], expected: "\(CheckID.tpmBank.name) alone to fail",
      actual: failed.joined(separator: ", "))
  }
}
