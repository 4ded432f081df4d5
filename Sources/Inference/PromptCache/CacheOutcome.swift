/// What the prompt cache did for one request. Only the runner's own count of reused tokens makes a hit.
public enum CacheOutcome: Sendable, Hashable {
  /// The request was not cached: another kind of request, or `X-Safebox-Cache-Mode: none`.
  case unused
  /// The first turn of a conversation, or one whose prefix is not kept any more.
  case cold
  /// The pinned slot served this many tokens.
  case hit(tokens: Int64)
  /// A saved prefix was restored and served this many tokens.
  case restored(tokens: Int64)
  /// The prefix ought to have been there and was not.
  case miss(expected: Int64, observed: Int64)

  /// A stable name for ledgers: `unused`, `cold`, `hit`, `restored` or `miss`.
  public var name: String {
    switch self {
    case .unused: "unused"
    case .cold: "cold"
    case .hit: "hit"
    case .restored: "restored"
    case .miss: "miss"
    }
  }

  /// Whether tokens were reused as promised.
  public var isHit: Bool {
    switch self {
    case .hit, .restored: true
    case .unused, .cold, .miss: false
    }
  }
}

/// What an operator should hear of.
public enum CacheAlarm: Sendable, Hashable {
  /// The runner said that it had restored a slot and then reused fewer tokens than it must have had. The saved prefix is
  /// dropped.
  case restoreIgnored(runner: String, slot: Int, expected: Int64, observed: Int64)
  /// The runner refused to restore what it had saved, or restored another number of tokens.
  case restoreFailed(runner: String, slot: Int, reason: String)
  /// A slot could not be saved; its prefix is lost.
  case saveFailed(runner: String, slot: Int, reason: String)
  /// A slot that was to begin anew reused tokens, which can only be those of somebody else.
  case foreignReuse(runner: String, slot: Int, observed: Int64)
  /// A slot could not be erased before another's prefix was to be restored into it; it was not restored.
  case eraseFailed(runner: String, slot: Int, reason: String)
  /// A saved prefix could not be removed from the disk.
  case removalFailed(file: String, reason: String)
}
