import CanonicalJSON
import Cryptography
import Governance

/// What the entries of a range are, counted. A function of the entries alone, so that who exports a log and who audits it
/// count the same. Memory is bounded by names, not by entries.
public struct Population: Sendable, Hashable {
  /// Entries of the range, also those that cannot be read.
  public internal(set) var entries: UInt64 = 0
  /// Entries that are not in the form of docs/formats.md section 3.
  public internal(set) var unreadable: UInt64 = 0
  public internal(set) var byKind: [EntryKind: UInt64] = [:]
  /// `executed`, `failed`, `unknown`: as `execution.finished` says.
  public internal(set) var outcomes: [String: UInt64] = [:]
  /// Executions that were started by a policy's break-glass rule.
  public internal(set) var breakGlass: UInt64 = 0
  /// Proposals by the name of the policy that they name; the digest where the name is not known.
  public internal(set) var proposalsByPolicy: [String: UInt64] = [:]
  /// Approvals by signer.
  public internal(set) var approvalsBySigner: [String: UInt64] = [:]
  /// Epochs that were opened within the range.
  public internal(set) var epochsOpened: UInt64 = 0
  /// Times of the first and last readable entry (Unix milliseconds).
  public internal(set) var firstAt: Int64?
  public internal(set) var lastAt: Int64?

  /// Names beyond so many are counted together, so that a log full of made-up names stays countable.
  static let maxNames = 1000
  static let others = "(others)"

  public init() {}

  /// Counts one entry; nil is one that cannot be read. `names` are the policies known by now.
  mutating func add(_ entry: Entry?, names: [SHA256Digest: String]) {
    entries += 1
    guard let entry else {
      unreadable += 1
      return
    }
    byKind[entry.kind, default: 0] += 1
    firstAt = firstAt ?? entry.at
    lastAt = entry.at
    switch entry.kind {
    case .boxCreated: epochsOpened += 1
    case .proposalOpened:
      let text = entry.body["statement"]?["policy"]?.string ?? ""
      let name = SHA256Digest(hex: text).flatMap { names[$0] } ?? "digest \(text.prefix(64))"
      Self.count(name, in: &proposalsByPolicy)
    case .proposalApproved: Self.count(entry.body["signer"]?.string ?? "", in: &approvalsBySigner)
    case .executionStarted: if entry.body["mode"] == "break-glass" { breakGlass += 1 }
    case .executionFinished:
      Self.count(entry.body["outcome"]?.string ?? "", in: &outcomes)
      if entry.body["epoch"] != nil { epochsOpened += 1 }
    case .proposalObjected, .proposalWithdrawn, .runStarted, .runResumed, .runCalled, .runFinished, .identityClaimed,
      .codeMeasured:
      return
    }
  }

  private static func count(_ name: String, in counts: inout [String: UInt64]) {
    let key = counts[name] != nil || counts.count < maxNames ? name : others
    counts[key, default: 0] += 1
  }

  func kind(_ kind: EntryKind) -> UInt64 { byKind[kind] ?? 0 }

  /// Where proposals stand by what was recorded. `waiting` are all others: open, denied, objected, expired or stale,
  /// which only the fold tells apart.
  var statuses: [(name: String, count: UInt64)] {
    let started = kind(.executionStarted)
    let finished = kind(.executionFinished)
    let ended = started + kind(.proposalWithdrawn)
    return [
      ("executed", outcomes["executed"] ?? 0), ("failed", outcomes["failed"] ?? 0),
      ("unknown when finished", outcomes["unknown"] ?? 0),
      ("executing", started > finished ? started - finished : 0), ("withdrawn", kind(.proposalWithdrawn)),
      ("not executed", kind(.proposalOpened) > ended ? kind(.proposalOpened) - ended : 0),
    ]
  }

  var json: JSON {
    func object(_ counts: [String: UInt64]) -> JSON {
      .object(JSONObject(counts.map { ($0.key, JSON(count: $0.value)) }))
    }
    return [
      "entries": JSON(count: entries), "unreadable": JSON(count: unreadable),
      "by_kind": object(Dictionary(uniqueKeysWithValues: byKind.map { ($0.key.rawValue, $0.value) })),
      "outcomes": object(outcomes), "break_glass": JSON(count: breakGlass),
      "proposals_by_policy": object(proposalsByPolicy), "approvals_by_signer": object(approvalsBySigner),
      "epochs_opened": JSON(count: epochsOpened), "first_at": firstAt.map(JSON.integer) ?? .null,
      "last_at": lastAt.map(JSON.integer) ?? .null,
    ]
  }
}

extension JSON {
  /// A count or size. Beyond 2^53-1, which no log reaches, it is written as that.
  init(count: UInt64) { self = .integer(Int64(min(count, UInt64(JSON.maxSafeInteger)))) }
}
