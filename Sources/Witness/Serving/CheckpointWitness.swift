import Cryptography
import TransparencyLog

/// A witness: remembers the latest checkpoint of each log that it knows, and cosigns a newer one that continues it
/// (C2SP tlog-witness).
///
/// An actor without suspension points: reading the record, checking against it and replacing it is one step for every
/// request, so two requests cannot race a log backwards. The order within the step is decide, cosign, make durable,
/// answer. A crash before the record is durable leaves a cosignature that nobody saw; a crash after it leaves a record
/// of one that was never sent, which the log learns from the 409 to its next request.
public actor CheckpointWitness {
  /// Why a witness cannot start or go on.
  public enum Failure: Error, CustomStringConvertible {
    /// Two of the configured logs have one origin.
    case duplicateOrigin(String)
    /// A stored note is not what this witness stores.
    case damagedRecord(origin: String, reason: String)
    /// Records could not be made durable. Nothing is cosigned until a restart reads what is really there.
    case notDurable(String)

    public var description: String {
      switch self {
      case .duplicateOrigin(let origin): "the log \(origin) is configured twice"
      case .damagedRecord(let origin, let reason): "the record of \(origin) is damaged: \(reason)"
      case .notDurable(let reason): "a record could not be made durable: \(reason)"
      }
    }
  }

  private struct Log {
    var state: WitnessState
    /// The note as stored: text, the log's signatures, our cosignature.
    var note: [UInt8]?
  }

  /// The key that cosigns; its public half is what logs put into their policies.
  public nonisolated let verifierKey: VerifierKey

  private let cosigner: Cosigner
  /// Nil once the witness was closed.
  private var records: (any WitnessRecords)?
  private let now: @Sendable () -> UInt64
  private let onFailure: @Sendable (Failure) -> Void
  /// By the octets of the origin.
  private var logs: [[UInt8]: Log]
  /// The origin behind each path of the monitoring endpoint.
  private let originsByHash: [String: [UInt8]]
  private var failure: Failure?

  /// - Parameters:
  ///   - logs: The logs to witness; a log whose record is stored but not listed here is left alone.
  ///   - now: Seconds since 1970.
  ///   - onFailure: Called once, when the witness stops cosigning for good.
  public init(
    cosigner: Cosigner, logs: [LogKeys], records: sending any WitnessRecords,
    now: @escaping @Sendable () -> UInt64, onFailure: @escaping @Sendable (Failure) -> Void = { _ in }
  ) throws {
    let notes = try records.load()
    var known: [[UInt8]: Log] = [:]
    var originsByHash: [String: [UInt8]] = [:]
    for keys in logs {
      let origin = Array(keys.origin.utf8)
      guard known[origin] == nil else { throw Failure.duplicateOrigin(keys.origin) }
      let note = notes[origin]
      let latest = try note.map { try Self.checkpoint(in: $0, of: keys.origin, cosigner: cosigner.verifierKey) }
      known[origin] = Log(state: WitnessState(log: keys, latest: latest), note: note)
      originsByHash[SHA256.hash(origin).hex] = origin
    }
    self.cosigner = cosigner
    verifierKey = cosigner.verifierKey
    self.records = records
    self.now = now
    self.onFailure = onFailure
    self.logs = known
    self.originsByHash = originsByHash
  }

  /// Answers `POST <submission prefix>/add-checkpoint`.
  public func addCheckpoint(_ body: [UInt8]) -> AddCheckpointResponse {
    guard failure == nil, let records else { return Self.stopped }
    let request: AddCheckpointRequest
    do { request = try AddCheckpointRequest(parsing: body) } catch {
      return WitnessState.Refusal.malformed(error).response
    }
    let origin = Array(request.signedCheckpoint.checkpoint.origin.utf8)
    guard let log = logs[origin] else {
      return WitnessState.Refusal.unknownLog(origin: request.signedCheckpoint.checkpoint.origin).response
    }
    let next: WitnessState
    let verified: VerifiedCheckpoint
    do { (next, verified) = try log.state.accepted(request) } catch { return error.response }
    do {
      let cosignature = try cosigner.cosign(checkpointText: verified.note.textBytes, at: now())
      // Only what was verified is kept: lines of strangers could be anything.
      let note = try SignedNote(
        textBytes: verified.note.textBytes, signatures: verified.logSignatures.map(\.signature) + [cosignature]
      ).bytes
      try records.replace(log.note, with: note, origin: origin)
      logs[origin] = Log(state: next, note: note)
      return .cosigned([cosignature])
    } catch {
      // Whether the record is on the disk is unknown. Going on from either assumption could cosign a fork.
      let failure = Failure.notDurable("\(error)")
      self.failure = failure
      onFailure(failure)
      return Self.stopped
    }
  }

  /// Answers `GET <monitoring prefix>/<origin hash>/checkpoint`: the latest cosigned checkpoint, or nil for 404.
  ///
  /// - Parameter originHash: SHA-256 of the origin, 64 lower-case hexadecimal digits.
  public func checkpoint(originHash: String) -> [UInt8]? {
    // After a failure the note in memory is still one that was durable before it was revealed.
    originsByHash[originHash].flatMap { logs[$0]?.note }
  }

  /// Cosigns no more and gives the records back, so that another process may open them.
  public func close() { records = nil }

  private static let stopped = AddCheckpointResponse.refused(status: 500, reason: "the witness has stopped")

  /// The checkpoint of a stored note. A note that bears our key's name and ID must bear our signature: if not, somebody
  /// has edited the records. After a change of key there is none to check.
  private static func checkpoint(
    in note: [UInt8], of origin: String, cosigner: VerifierKey
  ) throws(Failure) -> Checkpoint {
    let signed: SignedCheckpoint
    do { signed = try SignedCheckpoint(parsing: note) } catch {
      throw .damagedRecord(origin: origin, reason: "\(error)")
    }
    guard signed.checkpoint.origin.utf8.elementsEqual(origin.utf8) else {
      throw .damagedRecord(origin: origin, reason: "it is about \(signed.checkpoint.origin)")
    }
    for line in signed.note.signatures where line.claims(cosigner) {
      guard cosigner.isValid(line.signature, for: signed.note.textBytes) else {
        throw .damagedRecord(origin: origin, reason: "its cosignature is not ours")
      }
    }
    return signed.checkpoint
  }
}
