import CanonicalJSON
import Cryptography

/// Why a box has no key.
public enum KeyReleaseFailure: Error, Sendable, CustomStringConvertible {
  /// No answer from a broker that proves to be the pinned one.
  case unreachable(String)
  /// The broker says no: its entry, the first reason, and the registers that differed.
  case refused(entry: SHA256Digest?, reason: String, detail: String, registers: [String])
  /// The answer is not what the interface says, or is about another release than was asked for.
  case malformed(String)
  /// No evidence could be made.
  case evidence(String)
  /// People have not decided in the time that the caller had.
  case undecided(release: SHA256Digest, status: String)
  /// What came does not open with the key that the evidence named.
  case doesNotOpen

  public var description: String {
    switch self {
    case .unreachable(let why): "no broker: \(why)"
    case .refused(let entry, let reason, let detail, let registers):
      "the broker refuses (\(reason)\(entry.map { ", entry \($0)" } ?? "")): \(detail)"
        + (registers.isEmpty ? "" : "; different: \(registers.joined(separator: ", "))")
    case .malformed(let why): "the broker's answer: \(why)"
    case .evidence(let why): "no evidence: \(why)"
    case .undecided(let release, let status): "the release \(release) is \(status)"
    case .doesNotOpen: "the released key does not open with this box's wrapping key"
    }
  }
}
