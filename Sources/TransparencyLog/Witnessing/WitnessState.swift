import Cryptography

/// What a witness knows of one log, and how it decides about a new checkpoint (C2SP tlog-witness, "add-checkpoint").
///
/// Pure: the witness makes `accepted(_:)` and the storing of its result one atomic step, and cosigns only after the result
/// is durable. Otherwise two requests could race and roll the log back.
public struct WitnessState: Sendable, Hashable {
  /// Why a checkpoint is not cosigned.
  public enum Refusal: Error, Hashable, CustomStringConvertible {
    case malformed(AddCheckpointRequest.Failure)
    case unknownLog(origin: String)
    /// No trusted key of the log signed, or one of its signatures is wrong.
    case notSigned(SignedCheckpoint.Failure)
    case oldSizeAboveNew(old: UInt64, new: UInt64)
    /// The witness remembers `latest`, not the size that the request starts from.
    case conflict(latest: UInt64)
    /// Size zero with a root other than that of the empty tree.
    case wrongEmptyRoot
    /// The same size with another root: the log forked.
    case rootChanged(size: UInt64, known: SHA256Digest, submitted: SHA256Digest)
    case inconsistent(ProofError)

    /// The HTTP status that the specification gives to this refusal.
    public var status: Int {
      switch self {
      // A line that bears a signer's name but no readable signature is a signature that does not verify.
      case .malformed(.checkpoint(.note(.malformedSignature))): 403
      case .malformed, .oldSizeAboveNew: 400
      case .unknownLog: 404
      case .notSigned: 403
      case .conflict: 409
      case .wrongEmptyRoot, .rootChanged, .inconsistent: 422
      }
    }

    /// The answer that the client gets.
    public var response: AddCheckpointResponse {
      if case .conflict(let latest) = self { return .conflict(size: latest) }
      return .refused(status: status, reason: description)
    }

    public var description: String {
      switch self {
      case .malformed(.checkpoint(.note(.malformedSignature(let name)))): "invalid signature of \(name)"
      case .malformed(let error): "\(error)"
      case .unknownLog(let origin): "unknown log \(origin)"
      case .notSigned(let error): "\(error)"
      case .oldSizeAboveNew(let old, let new): "old size \(old) is above the checkpoint's size \(new)"
      case .conflict(let latest): "the latest cosigned size is \(latest)"
      case .wrongEmptyRoot: "the root of size 0 is not that of the empty tree"
      case .rootChanged(let size, let known, let submitted):
        "inconsistent: size \(size) was cosigned with root \(known.hex), not \(submitted.hex)"
      case .inconsistent(let error): "the consistency proof does not hold: \(error)"
      }
    }
  }

  /// The log and the keys that are trusted for it.
  public let log: LogKeys
  /// The checkpoint that was cosigned last; nil before the first.
  public let latest: Checkpoint?

  public init(log: LogKeys, latest: Checkpoint? = nil) {
    self.log = log
    self.latest = latest
  }

  /// Decides about a request for this log, in the order of the specification's checks.
  ///
  /// - Returns: The checkpoint to cosign, and the state to make durable before the cosignature leaves.
  public func accepted(
    _ request: AddCheckpointRequest
  ) throws(Refusal) -> (next: WitnessState, checkpoint: VerifiedCheckpoint) {
    let signed = request.signedCheckpoint
    let checkpoint = signed.checkpoint
    guard sameOctets(checkpoint.origin, log.origin) else { throw .unknownLog(origin: checkpoint.origin) }
    let verified: VerifiedCheckpoint
    do { verified = try signed.verified(log: log, requiring: .anyKey) } catch { throw .notSigned(error) }
    guard request.oldSize <= checkpoint.size else {
      throw .oldSizeAboveNew(old: request.oldSize, new: checkpoint.size)
    }
    let known = latest?.size ?? 0
    guard request.oldSize == known else { throw .conflict(latest: known) }
    guard checkpoint.size > 0 || checkpoint.root == MerkleTree.emptyRoot else { throw .wrongEmptyRoot }
    if let latest, latest.size == checkpoint.size, latest.root != checkpoint.root {
      throw .rootChanged(size: latest.size, known: latest.root, submitted: checkpoint.root)
    }
    if let latest, latest.size > 0 {
      let proof = ConsistencyProof(oldSize: latest.size, newSize: checkpoint.size, hashes: request.hashes)
      do { try proof.verify(oldRoot: latest.root, newRoot: checkpoint.root) } catch { throw .inconsistent(error) }
    } else if !request.hashes.isEmpty {
      throw .inconsistent(.wrongLength(actual: request.hashes.count))
    }
    return (WitnessState(log: log, latest: checkpoint), verified)
  }
}
