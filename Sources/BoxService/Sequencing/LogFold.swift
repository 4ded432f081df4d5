import Governance
import HostCalls
import Runs
import Storage
import TransparencyLog

/// Every entry of the log through the fold, and every leaf under the signed root.
///
/// The start-up gate has compared the tail with the signed checkpoint; since all entries are read here anyway, all of them
/// are held against it: an entry altered on the disk long ago must not decide anything today.
enum LogFold {
  /// Why a log does not lead to a state.
  enum Failure: Error, CustomStringConvertible {
    case entry(index: UInt64, reason: String)
    case noCheckpoint
    case root(signed: String, recomputed: String)

    var description: String {
      switch self {
      case .entry(let index, let reason): "entry \(index) does not fold: \(reason)"
      case .noCheckpoint: "the log has no checkpoint"
      case .root(let signed, let recomputed):
        "the entries give root \(recomputed), the checkpoint is signed over \(signed)"
      }
    }
  }

  /// The state after the newest checkpoint's last entry; `epochs` learns of every constitution, `usage` of every host call.
  static func run(_ reader: LogReader, epochs: EpochArchive, usage: UsageBook = UsageBook()) throws -> BoxState {
    guard let signed = try reader.latestCheckpoint() else { throw Failure.noCheckpoint }
    var state = BoxState()
    var frontier = Frontier()
    try reader.forEachEntry(in: 0..<signed.checkpoint.size) { stored in
      frontier.append(leafHash: stored.leafHash)
      do {
        let entry = try Entry(parsing: stored.bytes)
        try state.apply(entry)
        if entry.kind == .runCalled { note(try RunCalled(body: entry.body), at: entry.at, state, in: usage) }
        if entry.kind == .boxCreated || entry.kind == .executionFinished { epochs.note(state.constitution) }
      } catch {
        throw Failure.entry(index: stored.index, reason: "\(error)")
      }
    }
    guard frontier.root == signed.checkpoint.root else {
      throw Failure.root(signed: signed.checkpoint.root.hex, recomputed: frontier.root.hex)
    }
    return state
  }

  private static func note(_ called: RunCalled, at: Int64, _ state: borrowing BoxState, in usage: UsageBook) {
    guard let run = state.run(called.run), let tool = state.tool(digest: run.tool),
      let fact = UsageLedger.Fact(called, tool: tool.manifest.name, community: run.community, at: at)
    else { return }
    usage.record(fact)
  }
}
