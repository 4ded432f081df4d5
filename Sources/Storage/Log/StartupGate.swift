import Cryptography
import TransparencyLog

/// What a witness remembers of this log.
public struct WitnessView: Sendable, Hashable {
  /// How much it told us.
  public enum Memory: Sendable, Hashable {
    /// Only a size (the answer 409 of C2SP tlog-witness).
    case size(UInt64)
    /// A checkpoint that it cosigned.
    case checkpoint(size: UInt64, root: SHA256Digest)
  }

  /// The witness's name, for the reason that is shown.
  public var name: String
  /// What it remembers.
  public var memory: Memory

  /// A view from its parts.
  public init(name: String, memory: Memory) {
    self.name = name
    self.memory = memory
  }

  /// The size that it remembers.
  public var size: UInt64 {
    switch memory {
    case .size(let size), .checkpoint(let size, _): size
    }
  }
}

/// Why a log must not be continued.
public enum ReadOnlyReason: Error, Sendable, Hashable, CustomStringConvertible {
  case originMismatch(expected: String, actual: String)
  /// Entries without a checkpoint that covers them.
  case unsigned(size: UInt64)
  case checkpointSizeMismatch(log: UInt64, checkpoint: UInt64)
  /// The entries do not end where the head says.
  case tailMissing(expected: UInt64, actual: UInt64)
  /// The tail was altered, or tiles were: the root that they give is not the one that was signed.
  case rootMismatch(signed: SHA256Digest, recomputed: SHA256Digest)
  case frontierMismatch(stored: SHA256Digest, recomputed: SHA256Digest)
  /// The stored checkpoint is not signed by every key of the log.
  case unverified(SignedCheckpoint.Failure)
  /// Somebody outside remembers entries that we do not have: this is an older copy of the log.
  case witnessAhead(name: String, remembered: UInt64, local: UInt64)
  /// Somebody outside remembers other entries than ours: the log was forked.
  case witnessDiverges(name: String, size: UInt64, remembered: SHA256Digest, local: SHA256Digest)
  /// The database cannot be read, or rows are missing.
  case damaged(String)

  public var description: String {
    switch self {
    case .originMismatch(let expected, let actual): "expected origin \(expected), the log is \(actual)"
    case .unsigned(let size): "the log has \(size) entries but no checkpoint"
    case .checkpointSizeMismatch(let log, let checkpoint):
      "the log has \(log) entries, its newest checkpoint covers \(checkpoint)"
    case .tailMissing(let expected, let actual): "expected \(expected) entries, found \(actual)"
    case .rootMismatch(let signed, let recomputed):
      "the entries give root \(recomputed), the checkpoint is signed over \(signed)"
    case .frontierMismatch(let stored, let recomputed):
      "the entries give root \(recomputed), the stored frontier \(stored)"
    case .unverified(let failure): "the newest checkpoint is not ours: \(failure)"
    case .witnessAhead(let name, let remembered, let local):
      "witness \(name) remembers \(remembered) entries, this log has \(local): it is an older copy"
    case .witnessDiverges(let name, let size, let remembered, let local):
      "witness \(name) remembers root \(remembered) at size \(size), this log has \(local): it was forked"
    case .damaged(let what): "the log is damaged or cannot be read: \(what)"
    }
  }
}

/// Whether a log may be continued: a pure decision over what was read.
public enum StartupGate {
  /// What the operator configured.
  public struct Trust: Sendable {
    /// The origin that the log must have, and its own keys. Each must have signed the newest checkpoint.
    public var log: LogKeys
    /// What every reachable witness remembers. Whether enough of them were reachable is the caller's decision.
    public var witnesses: [WitnessView]

    /// Trust from its parts.
    public init(log: LogKeys, witnesses: [WitnessView]) {
      self.log = log
      self.witnesses = witnesses
    }
  }

  /// What was found in the data directory.
  public struct Facts: Sendable {
    /// The origin in the head row.
    public var origin: String
    /// The size in the head row.
    public var size: UInt64
    /// How many entries there are by the highest index.
    public var entryCount: UInt64
    /// The root of the frontier in the head row.
    public var frontierRoot: SHA256Digest
    /// The root that the tail and the tiles give.
    public var recomputedRoot: SHA256Digest
    /// The newest checkpoint.
    public var checkpoint: SignedCheckpoint?
    /// The local root at every size for which a witness remembers one.
    public var rootsBySize: [UInt64: SHA256Digest]

    /// Facts from their parts.
    public init(
      origin: String, size: UInt64, entryCount: UInt64, frontierRoot: SHA256Digest, recomputedRoot: SHA256Digest,
      checkpoint: SignedCheckpoint?, rootsBySize: [UInt64: SHA256Digest]
    ) {
      self.origin = origin
      self.size = size
      self.entryCount = entryCount
      self.frontierRoot = frontierRoot
      self.recomputedRoot = recomputedRoot
      self.checkpoint = checkpoint
      self.rootsBySize = rootsBySize
    }
  }

  /// The first reason not to continue the log, or nil when there is none.
  public static func reasonToRefuse(_ facts: Facts, trust: Trust) -> ReadOnlyReason? {
    guard sameOctets(facts.origin, trust.log.origin) else {
      return .originMismatch(expected: trust.log.origin, actual: facts.origin)
    }
    guard facts.entryCount == facts.size else {
      return .tailMissing(expected: facts.size, actual: facts.entryCount)
    }
    guard facts.frontierRoot == facts.recomputedRoot else {
      return .frontierMismatch(stored: facts.frontierRoot, recomputed: facts.recomputedRoot)
    }
    if let reason = reasonToRefuseCheckpoint(facts, trust: trust) { return reason }
    for witness in trust.witnesses {
      // Also for an empty log: a data directory that was wiped is the oldest copy of all.
      guard witness.size <= facts.size else {
        return .witnessAhead(name: witness.name, remembered: witness.size, local: facts.size)
      }
      if case .checkpoint(let size, let root) = witness.memory {
        guard let local = facts.rootsBySize[size] else { return .damaged("no root for size \(size)") }
        guard local == root else {
          return .witnessDiverges(name: witness.name, size: size, remembered: root, local: local)
        }
      }
    }
    return nil
  }

  private static func reasonToRefuseCheckpoint(_ facts: Facts, trust: Trust) -> ReadOnlyReason? {
    guard let signed = facts.checkpoint else { return facts.size == 0 ? nil : .unsigned(size: facts.size) }
    guard signed.checkpoint.size == facts.size else {
      return .checkpointSizeMismatch(log: facts.size, checkpoint: signed.checkpoint.size)
    }
    guard signed.checkpoint.root == facts.recomputedRoot else {
      return .rootMismatch(signed: signed.checkpoint.root, recomputed: facts.recomputedRoot)
    }
    do {
      _ = try signed.verified(log: trust.log, requiring: .everyKey)
    } catch {
      return .unverified(error)
    }
    return nil
  }

  /// Swift compares strings by canonical equivalence; origins are octets.
  private static func sameOctets(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
}
