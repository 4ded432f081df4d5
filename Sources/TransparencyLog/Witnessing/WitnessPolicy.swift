/// Which logs and witnesses a verifier trusts, and how many witnesses it wants (C2SP tlog-policy).
///
/// Limits: 256 logs, 256 witnesses, 256 groups, 1 MiB of text.
public struct WitnessPolicy: Sendable {
  public struct Log: Sendable, Hashable {
    /// Its name is the origin.
    public let key: VerifierKey
    /// Where the log is, if the policy says so; what it means is up to the application.
    public let url: String?
  }

  public struct Witness: Sendable, Hashable {
    /// The witness's name within this policy.
    public let name: String
    /// A cosigner's key (type 0x04).
    public let key: VerifierKey
    /// The submission prefix of C2SP tlog-witness, if given.
    public let url: String?
  }

  /// A checkpoint is witnessed when at least `threshold` members have witnessed it.
  public struct Group: Sendable, Hashable {
    public let name: String
    /// 1...members.count.
    public let threshold: Int
    public let members: [Rule]
  }

  /// A witness or group by its position among those of the policy.
  public enum Rule: Sendable, Hashable {
    case witness(Int)
    case group(Int)
  }

  /// Why a checkpoint does not meet the policy.
  public enum Rejection: Error, Hashable, CustomStringConvertible {
    case unknownLog(origin: String)
    case checkpoint(SignedCheckpoint.Failure)
    /// Signed by the log, but too few witnesses cosigned; the names of those that did.
    case quorumNotMet(cosigned: [String])

    public var description: String {
      switch self {
      case .unknownLog(let origin): "the policy has no log \(origin)"
      case .checkpoint(let error): "\(error)"
      case .quorumNotMet(let cosigned):
        "the quorum is not met; cosigned by " + (cosigned.isEmpty ? "nobody" : cosigned.joined(separator: ", "))
      }
    }
  }

  public let logs: [Log]
  public let witnesses: [Witness]
  public let groups: [Group]
  /// Nil when no cosignature is asked for: the line `quorum none`, written out.
  public let quorum: Rule?

  /// The policy of a verifier who knows a log but no witness: `quorum none`.
  public static func unwitnessed(_ log: LogKeys) -> WitnessPolicy {
    WitnessPolicy(logs: log.keys.map { Log(key: $0, url: nil) }, witnesses: [], groups: [], quorum: nil)
  }

  /// Checks that a log of the policy signed the checkpoint and that its witnesses reach the quorum.
  public func verify(_ signed: SignedCheckpoint) throws(Rejection) -> VerifiedCheckpoint {
    let origin = signed.checkpoint.origin
    let keys = logs.map(\.key).filter { sameOctets($0.name, origin) }
    let log: LogKeys
    do { log = try LogKeys(origin: origin, keys: keys) } catch { throw .unknownLog(origin: origin) }
    let verified: VerifiedCheckpoint
    do {
      verified = try signed.verified(log: log, requiring: .anyKey, witnesses: witnesses.map(\.key))
    } catch {
      throw .checkpoint(error)
    }
    guard isSatisfied(by: verified) else {
      throw .quorumNotMet(cosigned: cosigners(of: verified).sorted().map { witnesses[$0].name })
    }
    return verified
  }

  /// Whether the cosignatures of a verified checkpoint reach the quorum.
  public func isSatisfied(by checkpoint: VerifiedCheckpoint) -> Bool {
    isSatisfied(cosigners: cosigners(of: checkpoint))
  }

  /// Positions in `witnesses` of those that cosigned.
  public func cosigners(of checkpoint: VerifiedCheckpoint) -> Set<Int> {
    Set(witnesses.indices.filter { index in checkpoint.cosignatures.contains { $0.key == witnesses[index].key } })
  }

  /// Whether these witnesses, by position, reach the quorum.
  public func isSatisfied(cosigners: Set<Int>) -> Bool {
    guard let quorum else { return true }
    // Groups refer only to earlier ones, so one pass in order decides all.
    var reached: [Bool] = []
    func holds(_ rule: Rule) -> Bool {
      switch rule {
      case .witness(let index): cosigners.contains(index)
      case .group(let index): reached[index]
      }
    }
    for group in groups { reached.append(group.members.count(where: holds) >= group.threshold) }
    return holds(quorum)
  }
}
