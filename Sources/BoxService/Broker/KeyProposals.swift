import Attestation
import CanonicalJSON
import Cryptography
import Governance

/// Holds what is proposed to a broker against what it knows, before anybody is asked to approve it.
struct KeyProposals: Sendable {
  /// Who proposes what the broker itself has found out.
  static let broker = Proposer.client(name)
  /// No client of the API has it.
  static let name = "key-broker"

  /// Nil where this box is no broker.
  let vault: KeyVault?

  /// Throws ``FieldError`` for what a broker could never carry out, or what only it may propose.
  func check(_ action: Action, by proposer: Proposer) async throws {
    guard let order = try KeyOrder.of(action) else { return }
    switch order {
    case .rotate, .erase: return
    default: break
    }
    guard let vault else {
      throw FieldError(
        field: "action.type", expected: "a type that this box carries out: it is no broker", actual: action.type)
    }
    switch order {
    case .create(_, let appraisal), .appraise(_, let appraisal):
      guard let bytes = try await vault.appraisals.document(appraisal) else {
        throw FieldError(
          field: "action.params.appraisal",
          expected: "the digest of an appraisal policy that was sent to /v1/appraisals before", actual: appraisal.hex)
      }
      _ = try AppraisalPolicy(parsing: bytes)
    case .enrol(let enrolment):
      guard try await vault.store.document(.enrolment, enrolment.name) != nil else {
        throw FieldError(
          field: "action.params.ak", expected: "an attestation key that proved itself to this broker",
          actual: Hex.encode(enrolment.ak))
      }
    case .release, .refuse:
      guard proposer == Self.broker else {
        throw FieldError(
          field: "action.type", expected: "a type that others than the broker propose", actual: action.type)
      }
    default: return
    }
  }
}

extension KeyEnrolment {
  /// The name under which a broker keeps that it was proved.
  var name: String { SHA256Digest.of(.object(params)).hex }
}
