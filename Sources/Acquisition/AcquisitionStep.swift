/// The places of an acquisition at which the crash tests kill it, in the order in which they are first reached.
package enum AcquisitionStep: String, Sendable, CaseIterable {
  case locked, directoryMade, fileOpened, journalOpened, fileAllocated
  case pieceBegun, bytesArrived, pieceEnded, checkpointed
  case fileVerified, fileDurable, allVerified, namesDurable
  case committed
}
