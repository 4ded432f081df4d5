import CanonicalJSON
import Cryptography
import Governance

/// Which constitution is in force according to the entries, and the names of all policies that ever were. It believes the
/// entries: whether a change was decided as it says is the fold's to find out, and costs signatures.
struct ConstitutionTracker {
  /// In force after the last entry; nil before entry 0.
  private(set) var constitution: Constitution?
  /// The names of policies by their digests.
  private(set) var names: [SHA256Digest: String] = [:]
  /// Proposed changes of the constitution that may still be executed.
  private var changes: [SHA256Digest: (action: Action, expires: Int64)] = [:]
  private var started: Set<SHA256Digest> = []
  private static let sweepAt = 4096

  /// Before entry 0.
  init() {}

  /// In the middle of a log, where a constitution is in force and nothing else is known.
  init(_ constitution: Constitution) { take(constitution) }

  mutating func add(_ entry: Entry) {
    switch entry.kind {
    case .boxCreated:
      if constitution == nil, let body = try? BoxCreated(body: entry.body) { take(body.constitution) }
    case .proposalOpened: opened(entry)
    case .executionStarted:
      if let id = Self.proposal(entry), changes[id] != nil { started.insert(id) }
    case .executionFinished: finished(entry)
    default: return
    }
  }

  private static func proposal(_ entry: Entry) -> SHA256Digest? {
    entry.body["proposal"]?.string.flatMap { SHA256Digest(hex: $0) }
  }

  private mutating func opened(_ entry: Entry) {
    guard let type = entry.body["statement"]?["action"]?["type"]?.string, ActionType.constitutional.contains(type),
      let body = try? ProposalOpened(body: entry.body)
    else { return }
    if changes.count >= Self.sweepAt {
      changes = changes.filter { started.contains($0.key) || $0.value.expires > entry.at }
    }
    changes[body.proposal] = (body.statement.action, body.statement.expires)
  }

  private mutating func finished(_ entry: Entry) {
    guard let id = Self.proposal(entry), entry.body["outcome"] == "executed",
      let digest = entry.body["constitution"]?.string, let change = changes[id], let constitution,
      let new = try? constitution.applying(change.action), new.digest.hex == digest
    else { return }
    take(new)
    // Every other proposal belongs to the epoch before and cannot start any more.
    changes.removeAll()
    started.removeAll()
  }

  private mutating func take(_ new: Constitution) {
    constitution = new
    names[new.root.digest] = "root"
    for (name, digest) in new.policyDigests { names[digest] = name }
  }
}
