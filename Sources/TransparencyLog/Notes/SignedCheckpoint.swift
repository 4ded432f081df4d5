/// A checkpoint inside a signed note: read, but not verified.
public struct SignedCheckpoint: Sendable, Hashable {
  /// Why a note is not a checkpoint of the log in question.
  public enum Failure: Error, Hashable, CustomStringConvertible {
    case note(NoteError)
    case checkpoint(Checkpoint.Failure)
    case wrongOrigin(expected: String, actual: String)
    /// No signature is from a key of the log; cosignatures alone do not make a checkpoint.
    case notSignedByLog(origin: String)
    /// This key of the log did not sign.
    case missingSignature(VerifierKey.Algorithm)

    public var description: String {
      switch self {
      case .note(let error): "\(error)"
      case .checkpoint(let error): "\(error)"
      case .wrongOrigin(let expected, let actual): "expected origin \(expected), found \(actual)"
      case .notSignedByLog(let origin): "no signature is from a known key of \(origin)"
      case .missingSignature(let algorithm): "the \(algorithm) signature of the log is missing"
      }
    }
  }

  /// Which of the log's keys must have signed.
  public enum Requirement: Sendable, Hashable {
    /// At least one: a log whose keys change over time.
    case anyKey
    /// Every one: a box checking its own checkpoints, or an auditor who knows both keys.
    case everyKey
  }

  public let note: SignedNote
  public let checkpoint: Checkpoint

  public init(note: SignedNote) throws(Failure) {
    do { checkpoint = try Checkpoint(parsing: note.textBytes) } catch { throw .checkpoint(error) }
    self.note = note
  }

  /// Reads a signed note whose text is a checkpoint.
  public init(parsing bytes: [UInt8]) throws(Failure) {
    let note: SignedNote
    do { note = try SignedNote(parsing: bytes) } catch { throw .note(error) }
    try self.init(note: note)
  }

  /// Signs a checkpoint with each key of the log, in order.
  public init(_ checkpoint: Checkpoint, signers: [NoteSigner]) throws(Failure) {
    let text = checkpoint.textBytes
    do {
      var note = try SignedNote(textBytes: text, signatures: [])
      for signer in signers { try note.add(try signer.sign(textBytes: text)) }
      self.note = note
    } catch {
      throw .note(error)
    }
    self.checkpoint = checkpoint
  }

  /// Checks that the log signed it, and every cosignature of a known witness.
  ///
  /// - Parameters:
  ///   - log: The expected log. A checkpoint of another origin is refused whoever signed it.
  ///   - witnesses: Keys of known cosigners. Any number of them may be missing; none may be wrong.
  public func verified(
    log: LogKeys, requiring requirement: Requirement, witnesses: [VerifierKey] = []
  ) throws(Failure) -> VerifiedCheckpoint {
    guard sameOctets(checkpoint.origin, log.origin) else {
      throw .wrongOrigin(expected: log.origin, actual: checkpoint.origin)
    }
    let verified: VerifiedNote
    do { verified = try note.verified(by: log.keys + witnesses) } catch {
      if error == .unverified { throw .notSignedByLog(origin: log.origin) }
      throw .note(error)
    }
    let logSignatures = verified.signatures.filter { log.keys.contains($0.key) }
    guard !logSignatures.isEmpty else { throw .notSignedByLog(origin: log.origin) }
    if requirement == .everyKey {
      for key in log.keys where !logSignatures.contains(where: { $0.key == key }) {
        throw .missingSignature(key.algorithm)
      }
    }
    return VerifiedCheckpoint(
      checkpoint: checkpoint, note: note, logSignatures: logSignatures,
      cosignatures: verified.signatures.filter { $0.key.isCosigner })
  }
}

/// A checkpoint that its log signed. Only verification makes one.
public struct VerifiedCheckpoint: Sendable, Hashable {
  public let checkpoint: Checkpoint
  /// The note with all its lines, unknown ones included.
  public let note: SignedNote
  /// Signatures of the log's keys; never empty.
  public let logSignatures: [VerifiedSignature]
  /// Cosignatures of the witnesses that the verifier knows, with their times.
  public let cosignatures: [VerifiedSignature]
}
