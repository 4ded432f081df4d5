/// The steps by which a fetched model becomes an installed one, in order, with what a crash after each leaves.
public enum CommitStep: Sendable, Hashable, CaseIterable {
  /// The partial has the manifest's files and nothing else. A crash leaves the partial.
  case checked
  /// Every file is hashed, read-only and durable, under fs-verity where there is one. A crash leaves the partial, whose files
  /// are whole.
  case filesSealed
  /// So are the directories below the top.
  case directoriesSealed
  /// The manifest is durable. A crash leaves it beside the partial: without a directory, no model is installed.
  case manifestStored
  /// So are the measured fs-verity digests.
  case recordStored
  /// The partial was renamed. A crash leaves the one or the other name, and either way a whole model under it.
  case moved
  /// The rename is durable. A crash leaves an installed model.
  case moveSynced
  /// Its top directory is closed to its owner too.
  case closed
}
