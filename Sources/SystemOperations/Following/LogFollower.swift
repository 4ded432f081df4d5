import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import TransparencyLog

/// Follows the log of one box, and folds it. What the unprivileged daemon pushes is believed only as far as the pinned
/// keys, the pinned entry 0 and the fold carry it: the daemon may hold the keys of the log, and the signatures of approvers
/// are still not its own.
///
/// Everything is persisted before it counts. Not thread-safe; blocks on the disk.
public struct LogFollower: ~Copyable {
  private struct Followed {
    var state = BoxState()
    var frontier = Frontier()
  }

  private let pins: LogPins
  private let copy: LogCopy
  /// What a stored checkpoint covers.
  private var known = Followed()
  /// What has arrived behind it and waits for the rest; it decides nothing.
  private var waiting: Followed?
  private var isContradicted: Bool

  /// Opens the copy in `directory` and folds all of it again.
  public init(_ pins: LogPins, in directory: AnchoredDirectory) throws(FollowFault) {
    let copy: LogCopy
    let isContradicted: Bool
    do {
      copy = try LogCopy(directory, maxBytes: pins.maxLogBytes)
      isContradicted = try copy.isContradicted()
    } catch {
      throw .system(error)
    }
    known = try Self.replay(copy, pins)
    self.pins = pins
    self.copy = copy
    self.isContradicted = isContradicted
  }

  private static func replay(_ copy: LogCopy, _ pins: LogPins) throws(FollowFault) -> Followed {
    let note: [UInt8]?
    do { note = try copy.checkpoint() } catch { throw .system(error) }
    guard let note else {
      do { try copy.truncate() } catch { throw .system(error) }
      return Followed()
    }
    // Not asked again for witnesses: they were when it was stored, and the operator may have changed them since.
    let signed: SignedCheckpoint
    do throws(SignedCheckpoint.Failure) {
      signed = try SignedCheckpoint(parsing: note)
      _ = try signed.verified(log: pins.log, requiring: .everyKey)
    } catch {
      throw .damaged("its checkpoint: \(error)")
    }
    var followed = Followed()
    let isWhole = try copy.replay(signed.checkpoint.size) { index, bytes throws(FollowFault) in
      try fold(bytes, at: index, into: &followed, pins)
    }
    guard isWhole else { throw .damaged("it has fewer than \(signed.checkpoint.size) entries") }
    guard followed.frontier.root == signed.checkpoint.root else {
      throw .damaged("its entries give root \(followed.frontier.root), its checkpoint \(signed.checkpoint.root)")
    }
    return followed
  }

  /// The state of the box as far as it is known.
  public var state: BoxState { known.state }

  /// How long after its start an operation may begin, in milliseconds.
  var recency: Int64 { pins.recency }

  /// Whether the log is known to have shown two faces; then nothing is taken and nothing is mandated.
  public var isHalted: Bool { isContradicted }

  public var position: LogPosition {
    LogPosition(
      size: known.frontier.size, root: known.frontier.root, next: waiting?.frontier.size ?? known.frontier.size)
  }

  /// Takes entries, and with the last of those that the checkpoint covers the checkpoint itself. On an error nothing of
  /// what waited is kept, and ``position`` says where to begin again.
  ///
  /// - Parameter now: the local clock, Unix milliseconds.
  public mutating func take(_ push: LogPush, now: Int64) throws(FollowFault) -> LogPosition {
    guard !isContradicted else { throw .contradicted }
    do {
      return try accept(push, now: now)
    } catch {
      waiting = nil
      // If this fails the next start cuts it off.
      try? copy.truncate()
      throw error
    }
  }

  private mutating func accept(_ push: LogPush, now: Int64) throws(FollowFault) -> LogPosition {
    let signed = try verified(push.checkpoint)
    let size = signed.checkpoint.size
    let known = known.frontier
    guard size >= known.size else { throw .shorter(known: known.size, actual: size) }
    if size == known.size, signed.checkpoint.root != known.root {
      try contradict(push.checkpoint)
      throw .contradiction(size: size, known: known.root, actual: signed.checkpoint.root)
    }
    guard push.from == position.next else { throw .position(next: position.next, actual: push.from) }
    let end = push.from + UInt64(push.entries.count)
    guard end <= size else { throw .beyond(size: size, actual: end) }
    var followed = waiting ?? self.known
    let limit = now + pins.tolerance
    for (offset, bytes) in push.entries.enumerated() {
      let index = push.from + UInt64(offset)
      try Self.fold(bytes, at: index, into: &followed, pins)
      // A time that has not come would open time-locks and outlast objections that are still to be made.
      guard followed.state.lastAt <= limit else {
        throw .future(index: index, at: followed.state.lastAt, limit: limit)
      }
    }
    try copy.append(push.entries)
    guard end == size else {
      waiting = followed
      return position
    }
    guard followed.frontier.root == signed.checkpoint.root else {
      throw .fork(size: size, signed: signed.checkpoint.root, recomputed: followed.frontier.root)
    }
    if size > known.size {
      do { try copy.cover(with: push.checkpoint) } catch { throw .system(error) }
    }
    self.known = followed
    waiting = nil
    return position
  }

  private func verified(_ note: [UInt8]) throws(FollowFault) -> VerifiedCheckpoint {
    let verified: VerifiedCheckpoint
    do throws(SignedCheckpoint.Failure) {
      verified = try SignedCheckpoint(parsing: note).verified(
        log: pins.log, requiring: .everyKey, witnesses: pins.witnesses?.witnesses.map(\.key) ?? [])
    } catch {
      throw .checkpoint("\(error)")
    }
    if let policy = pins.witnesses, !policy.isSatisfied(by: verified) {
      let names = policy.cosigners(of: verified).sorted().map { policy.witnesses[$0].name }
      throw .unwitnessed("\(WitnessPolicy.Rejection.quorumNotMet(cosigned: names))")
    }
    return verified
  }

  private mutating func contradict(_ note: [UInt8]) throws(FollowFault) {
    isContradicted = true
    do { try copy.keepContradiction(note) } catch { throw .system(error) }
  }

  private static func fold(
    _ bytes: [UInt8], at index: UInt64, into followed: inout Followed, _ pins: LogPins
  ) throws(FollowFault) {
    let leaf = MerkleTree.leafHash(bytes)
    if index == 0, leaf != pins.genesis { throw .genesis(pinned: pins.genesis, actual: leaf) }
    let entry: Entry
    do {
      entry = try Entry(parsing: bytes)
    } catch {
      throw .entry(index: index, code: "entry.form", reason: "\(error)")
    }
    do {
      try followed.state.apply(entry)
    } catch {
      throw .entry(index: index, code: error.code, reason: "\(error)")
    }
    if index == 0, let created = followed.state.created { try checkIdentity(created, pins) }
    followed.frontier.append(leafHash: leaf)
  }

  /// Entry 0 is pinned by its hash; this says that the other pins are of the same box.
  private static func checkIdentity(_ created: BoxCreated, _ pins: LogPins) throws(FollowFault) {
    guard created.box == pins.log.origin else {
      throw .identity(field: "box", expected: pins.log.origin, actual: created.box)
    }
    let texts = pins.log.keys.compactMap { key in key.algorithm == .ed25519 ? key.text : nil }
    guard texts.contains(created.keys.ed25519) else {
      throw .identity(field: "keys.ed25519", expected: texts.joined(separator: " "), actual: created.keys.ed25519)
    }
    let points = pins.log.keys.compactMap { key in key.algorithm == .ecdsa ? key.keyBytes : nil }
    guard let key = try? ClaimKey(parsing: created.keys.es256), points.contains(key.publicKey.spkiDER) else {
      throw .identity(
        field: "keys.es256", expected: points.map(Base64.encode).joined(separator: " "), actual: created.keys.es256)
    }
  }
}
