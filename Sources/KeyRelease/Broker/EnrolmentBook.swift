import Attestation
import CanonicalJSON
import Cryptography
import Governance
import Synchronization

/// The challenges of boxes that want to be enrolled: each is answered once, by the peer that asked, within two minutes. They
/// lie in memory and die with the process.
public final class EnrolmentBook: Sendable {
  public static let maxOpen = 256
  public static let secretBytes = 32

  /// Why an answer does not count.
  public enum Fault: Error, Sendable, Hashable, CustomStringConvertible {
    case unknown
    case expired
    case foreign
    /// Another secret: the answer does not come from that TPM.
    case wrongSecret
    case full

    public var description: String {
      switch self {
      case .unknown: "answered before, or never given out by this process"
      case .expired: "given out more than two minutes ago"
      case .foreign: "given out to a peer with another key"
      case .wrongSecret: "not what the challenge holds"
      case .full: "too many challenges are open"
      }
    }
  }

  /// What the broker has found out, or will have when the challenge is answered.
  public enum Step: Sendable {
    /// The attestation key's own certificate proves it.
    case proved(KeyEnrolment)
    case challenge(id: [UInt8], CredentialChallenge)
  }

  private struct Open: Sendable {
    let enrolment: KeyEnrolment
    let secret: SecretBytes
    let peer: SHA256Digest
    let until: ContinuousClock.Instant
  }

  private let open = Mutex<[[UInt8]: Open]>([:])
  private let authorities: EnrolmentAuthorities
  private let now: @Sendable () -> ContinuousClock.Instant

  public init(
    authorities: EnrolmentAuthorities, now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
  ) {
    self.authorities = authorities
    self.now = now
  }

  /// Takes a request up.
  ///
  /// - Parameter at: Unix milliseconds, for the certificates.
  /// - Throws: `FieldError` for keys that are not what they should be; ``Fault/full``.
  public func begin(_ request: EnrolmentRequest, peer: SHA256Digest, at: Int64) throws -> Step {
    let key = request.attestationKey
    // A key that signs anything would sign a quote that somebody wrote.
    let owed: TPMObjectAttributes = [.fixedTPM, .fixedParent, .sensitiveDataOrigin, .restricted, .sign]
    guard key.attributes.isSuperset(of: owed), !key.attributes.contains(.decrypt) else {
      throw FieldError(
        field: "ak", expected: "a key with \(owed.names.joined(separator: ", ")), without decrypt",
        actual: key.attributes.names.joined(separator: ", "))
    }
    if let assurance = try authorities.assurance(
      of: key.key, for: .attestationKeyCertificate, request.attestationCertificates, at: at, field: "akCertificates"),
      let leaf = request.attestationCertificates.first
    {
      return .proved(
        KeyEnrolment(
          box: request.box, ak: key.name, ek: SHA256.hash(leaf), assurance: assurance, proof: .certificate))
    }
    let assurance =
      try authorities.assurance(
        of: request.endorsementKey.key, for: .endorsementKeyCertificate, request.endorsementCertificates, at: at,
        field: "ekCertificates") ?? .software
    let enrolment = KeyEnrolment(
      box: request.box, ak: key.name, ek: SHA256.hash(request.endorsementKey.bytes), assurance: assurance,
      proof: .activation)
    let secret = SecretBytes.random(count: Self.secretBytes)
    let challenge: CredentialChallenge
    do {
      challenge = try CredentialChallenge.make(
        endorsementKey: request.endorsementKey, attestationKeyName: key.name, secret: secret)
    } catch {
      throw FieldError(field: "ek", expected: "an endorsement key", actual: "\(error)")
    }
    let id = SecureRandom.bytes(16)
    let now = now()
    let isTaken = open.withLock { open in
      open = open.filter { now < $0.value.until }
      guard open.count < Self.maxOpen else { return false }
      open[id] = Open(
        enrolment: enrolment, secret: secret, peer: peer, until: now.advanced(by: NonceBook.lifetime))
      return true
    }
    guard isTaken else { throw Fault.full }
    return .challenge(id: id, challenge)
  }

  /// Takes an answer. Whatever comes of it, the challenge is used up.
  public func finish(_ id: [UInt8], answer: SecretBytes, peer: SHA256Digest) throws(Fault) -> KeyEnrolment {
    guard let found = open.withLock({ $0.removeValue(forKey: id) }) else { throw .unknown }
    guard now() < found.until else { throw .expired }
    guard found.peer == peer else { throw .foreign }
    guard found.secret.isEqual(to: answer) else { throw .wrongSecret }
    return found.enrolment
  }
}
