import CanonicalJSON
import Cryptography

/// A quote that its key signed, for what the caller asked, over the register values that came with it. Only
/// ``TPMQuoteVerifier`` makes one.
public struct VerifiedQuote: Sendable, Hashable {
  public let quote: TPMQuote
  /// The quoted registers with their values, sorted by algorithm.
  public let banks: [PCRBank]

  fileprivate init(quote: TPMQuote, banks: [PCRBank]) {
    self.quote = quote
    self.banks = banks
  }

  /// The values of one bank, or nil where none of its registers were quoted.
  public func bank(_ algorithm: BankAlgorithm) -> PCRBank? { banks.first { $0.algorithm == algorithm } }

  /// All quoted values by the names of their registers, for example `sha256.pcr4`.
  public var registers: [String: [UInt8]] {
    banks.reduce(into: [:]) { $0.merge($1.registers) { old, _ in old } }
  }
}

/// Is a TPM's quote genuine? Says nothing about whose the key is: that is the caller's check.
public enum TPMQuoteVerifier {
  /// The checks that ``verify(quote:signature:key:pcrs:binding:into:)`` demands and makes, in their order.
  public static let checks: [CheckID] = [
    .tpmQuote, .tpmSignatureHash, .tpmSignature, .tpmNonce, .tpmBank, .tpmSelection, .tpmDigest,
  ]

  /// Verifies a quote, and goes on after a failure so that all of them are shown.
  ///
  /// - Parameters:
  ///   - quote: the TPMS_ATTEST.
  ///   - key: the attestation key, from where the caller trusts it to come.
  ///   - pcrs: the values that the registers are said to have: exactly those that are quoted.
  ///   - binding: what the quote's qualifying data must be, to the byte.
  /// - Returns: the quote where all of ``checks`` passed (or the nonce was waived), else nil.
  public static func verify(
    quote bytes: [UInt8], signature: TPMTSignature, key: TPMPublicKey, pcrs: [PCRBank], binding: Binding,
    into checks: inout CheckList
  ) -> VerifiedQuote? {
    checks.demand(Self.checks)
    let quote: TPMQuote
    do throws(FieldError) {
      quote = try TPMQuote(bytes)
    } catch {
      checks.fail(.tpmQuote, error)
      return nil
    }
    checks.pass(.tpmQuote, "\(bytes.count) bytes")
    var holds = checks.require(
      .tpmSignatureHash, signature.hash.trusted != nil, expected: "sha256, sha384 or sha512",
      actual: signature.hash.rawValue)
    holds =
      checks.require(
        .tpmSignature, signature.isValid(for: bytes, under: key),
        expected: "a signature of the \(key.algorithm) key",
        actual: "\(signature.scheme.name) with \(signature.hash.rawValue)")
      && holds
    checks.bind(.tpmNonce, quote.extraData, to: binding, fixedWidth: false)
    if case .bytes = binding { holds = binding.matches(quote.extraData, fixedWidth: false) && holds }
    holds = bank(quote, &checks) && holds
    guard selection(quote, pcrs, &checks) else { return nil }
    holds = digest(quote, pcrs, signature.hash, &checks) && holds
    guard holds else { return nil }
    return VerifiedQuote(quote: quote, banks: pcrs.sorted { $0.algorithm.rawValue < $1.algorithm.rawValue })
  }

  private static func bank(_ quote: TPMQuote, _ checks: inout CheckList) -> Bool {
    let names = quote.selections.map(\.bank.rawValue)
    return checks.require(
      .tpmBank, !names.isEmpty && !names.contains(BankAlgorithm.sha1.rawValue), expected: "sha256, sha384 or sha512",
      actual: names.isEmpty ? "none" : names.joined(separator: ", "))
  }

  /// The selection gives the values their names. A verifier that only hashed the values in the order in which they came would
  /// take PCR 15, 16 and 22 for PCR 0, 1 and 2.
  private static func selection(_ quote: TPMQuote, _ pcrs: [PCRBank], _ checks: inout CheckList) -> Bool {
    let quoted = describe(quote.selections.map { ($0.bank, $0.indexes) })
    let given = describe(pcrs.map { ($0.algorithm, $0.values.keys.sorted()) })
    let isNothing = quote.selections.allSatisfy { $0.indexes.isEmpty }
    return checks.require(
      .tpmSelection, quoted == given && !isNothing,
      expected: isNothing ? "at least one register" : quoted, actual: given)
  }

  /// One text for one set of registers: `sha256: 0, 1, 7`.
  private static func describe(_ selections: [(bank: BankAlgorithm, indexes: [Int])]) -> String {
    selections.sorted { $0.bank.rawValue < $1.bank.rawValue }
      .map { "\($0.bank.rawValue): \($0.indexes.map(String.init).joined(separator: ", "))" }.joined(separator: "; ")
  }

  /// The digest is made with the hash of the signature's scheme, whatever the bank is (TPM 2.0 part 3, section 18.4).
  private static func digest(
    _ quote: TPMQuote, _ pcrs: [PCRBank], _ hash: BankAlgorithm, _ checks: inout CheckList
  ) -> Bool {
    let values = quote.selections.flatMap { selection in
      let bank = pcrs.first { $0.algorithm == selection.bank }
      return selection.indexes.flatMap { bank?[$0] ?? [] }
    }
    guard let digest = hash.trusted?.hash(values) else {
      checks.fail(.tpmDigest, expected: "a digest of SHA-256 or better", actual: hash.rawValue)
      return false
    }
    return checks.require(
      .tpmDigest, digest == quote.pcrDigest, expected: Hex.encode(quote.pcrDigest), actual: Hex.encode(digest))
  }
}
