import Cryptography

/// Why entries or a checkpoint are not taken. The copy of the log stays as it was.
public enum FollowFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// `checkpoint` is not a note of this log signed with every pinned key.
  case checkpoint(String)
  /// Too few witnesses signed the checkpoint.
  case unwitnessed(String)
  /// The checkpoint is of a smaller log than the one that is known.
  case shorter(known: UInt64, actual: UInt64)
  /// The log has signed another root for the size that is known: proof that it shows different logs to different people.
  case contradiction(size: UInt64, known: SHA256Digest, actual: SHA256Digest)
  /// The entries, appended to those that are known, do not give the root that was signed: one of the two logs is a fork.
  case fork(size: UInt64, signed: SHA256Digest, recomputed: SHA256Digest)
  /// An earlier contradiction is on record; nothing is taken until people have looked.
  case contradicted
  /// `from` is not the next index.
  case position(next: UInt64, actual: UInt64)
  /// More entries than the checkpoint covers.
  case beyond(size: UInt64, actual: UInt64)
  /// Entry 0 is not the one that is pinned.
  case genesis(pinned: SHA256Digest, actual: SHA256Digest)
  /// Entry 0 names another box or other keys than those that are pinned.
  case identity(field: String, expected: String, actual: String)
  /// An entry that cannot be read or that the fold refuses.
  case entry(index: UInt64, code: String, reason: String)
  /// An entry from the future.
  case future(index: UInt64, at: Int64, limit: Int64)
  /// The copy would be larger than the operator allows.
  case full(limit: Int)
  /// The own copy is damaged.
  case damaged(String)
  case system(SystemFault)

  /// A stable name.
  public var code: String {
    switch self {
    case .checkpoint: "log.checkpoint"
    case .unwitnessed: "log.unwitnessed"
    case .shorter: "log.shorter"
    case .contradiction: "log.contradiction"
    case .fork: "log.fork"
    case .contradicted: "log.contradicted"
    case .position: "log.position"
    case .beyond: "log.beyond"
    case .genesis: "log.genesis"
    case .identity: "log.identity"
    case .entry: "log.entry"
    case .future: "log.future"
    case .full: "log.full"
    case .damaged: "log.damaged"
    case .system: "log.system"
    }
  }

  public var description: String {
    switch self {
    case .checkpoint(let why): "checkpoint: \(why)"
    case .unwitnessed(let why): "checkpoint: \(why)"
    case .shorter(let known, let actual): "the checkpoint is of \(actual) entries, \(known) are known"
    case .contradiction(let size, let known, let actual):
      "the log has signed two roots for size \(size): \(known) and \(actual)"
    case .fork(let size, let signed, let recomputed):
      "the entries give root \(recomputed) for size \(size), the checkpoint is signed over \(signed)"
    case .contradicted: "the log has contradicted itself before; see the evidence in its directory"
    case .position(let next, let actual): "from: expected \(next), found \(actual)"
    case .beyond(let size, let actual): "the checkpoint covers \(size) entries, these would be \(actual)"
    case .genesis(let pinned, let actual): "entry 0 has leaf hash \(actual), \(pinned) is pinned"
    case .identity(let field, let expected, let actual): "entry 0: \(field): expected \(expected), found \(actual)"
    case .entry(let index, _, let reason): "entry \(index): \(reason)"
    case .future(let index, let at, let limit): "entry \(index) is of \(at), nothing after \(limit) is taken"
    case .full(let limit): "the copy of the log would have more than \(limit) bytes"
    case .damaged(let why): "the copy of the log is damaged: \(why)"
    case .system(let fault): "\(fault)"
    }
  }
}
