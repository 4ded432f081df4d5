import CanonicalJSON
import Cryptography
public import OpenClaims

/// Why a signed policy is not accepted.
public enum PolicySignatureFault: Error, Sendable, Hashable, CustomStringConvertible {
  case claim(ClaimError)
  case policy(FieldError)

  public var description: String {
    switch self {
    case .claim(let error): "the policy's claim: \(error)"
    case .policy(let error): "the policy: \(error)"
    }
  }
}

extension AppraisalPolicy {
  /// Reads a policy that M of N people signed: a claim whose `stm` is `{"appraisal": POLICY}`.
  ///
  /// - Parameters:
  ///   - seconds: the time at which the claim must be valid, Unix seconds.
  ///   - quorum: whose signatures the caller demands. The claim's own list of keys says nothing about who ought to sign.
  public init(signed claim: Claim, by quorum: KeyQuorum, at seconds: Int64) throws(PolicySignatureFault) {
    do {
      try quorum.require(try ClaimVerifier().verify(claim, at: seconds))
    } catch {
      throw .claim(error)
    }
    do {
      var reader = try ObjectReader(claim.stm, path: "stm")
      let policy = try reader.json("appraisal")
      try reader.finish()
      try self.init(json: policy)
    } catch {
      throw .policy(error)
    }
  }
}
