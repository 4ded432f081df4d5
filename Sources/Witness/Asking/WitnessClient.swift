import Cryptography
import TransparencyLog

/// Asks the witnesses of a policy for cosignatures (C2SP tlog-witness, the client's side).
public struct WitnessClient: Sendable {
  /// Makes the consistency proof between two sizes of the log, both above zero.
  public typealias ProofSource = @Sendable (_ from: UInt64, _ to: UInt64) async throws -> ConsistencyProof

  /// How often a witness that corrects our idea of its size is asked again. Two are enough unless somebody else submits
  /// checkpoints of the same log in between.
  static let maximumAttempts = 4

  public let policy: WitnessPolicy
  let transport: WitnessTransport

  public init(policy: WitnessPolicy, transport: WitnessTransport) {
    self.policy = policy
    self.transport = transport
  }

  /// Asks every witness of the policy at once and waits for all of them.
  ///
  /// - Parameters:
  ///   - checkpoint: Signed by a log of the policy; otherwise nobody is asked and the verdict says why.
  ///   - remembered: The size that each witness cosigned last, by its name in the policy, as far as it is known. A wrong
  ///     size costs one more request.
  ///   - proofs: Called with the size that a witness remembers.
  public func cosign(
    _ checkpoint: SignedCheckpoint, remembered: [String: UInt64] = [:], proofs: @escaping ProofSource
  ) async -> WitnessingResult {
    var outcomes = [WitnessOutcome](repeating: .noAddress, count: policy.witnesses.count)
    var note = checkpoint.note
    await withTaskGroup(of: (Int, WitnessOutcome, NoteSignature?).self) { group in
      for (index, witness) in policy.witnesses.enumerated() {
        guard let url = witness.url else { continue }
        group.addTask {
          let (outcome, line) = await self.ask(
            witness, at: url, about: checkpoint, from: remembered[witness.name] ?? 0, proofs: proofs)
          return (index, outcome, line)
        }
      }
      for await (index, outcome, line) in group {
        outcomes[index] = outcome
        guard let line else { continue }
        do { try note.add(line) } catch { outcomes[index] = .badCosignature(reason: "\(error)") }
      }
    }
    let cosigned = (try? SignedCheckpoint(note: note)) ?? checkpoint
    let verdict: Result<VerifiedCheckpoint, WitnessPolicy.Rejection>
    do { verdict = .success(try policy.verify(cosigned)) } catch { verdict = .failure(error) }
    return WitnessingResult(
      checkpoint: cosigned, outcomes: zip(policy.witnesses, outcomes).map { (witness: $0.name, outcome: $1) },
      verdict: verdict)
  }

  private func ask(
    _ witness: WitnessPolicy.Witness, at url: String, about signed: SignedCheckpoint, from remembered: UInt64,
    proofs: ProofSource
  ) async -> (WitnessOutcome, NoteSignature?) {
    let size = signed.checkpoint.size
    var old = min(remembered, size)
    for _ in 0..<Self.maximumAttempts {
      let hashes: [SHA256Digest]
      do { hashes = old == 0 || old == size ? [] : try await proofs(old, size).hashes } catch {
        return (.noProof(from: old, reason: "\(error)"), nil)
      }
      let response: AddCheckpointResponse
      do {
        response = try await submit(AddCheckpointRequest(oldSize: old, hashes: hashes, checkpoint: signed), to: url)
      } catch let failure as AddCheckpointResponse.Failure {
        return (.unreadable(reason: "\(failure)"), nil)
      } catch {
        return (.unreachable(reason: "\(error)"), nil)
      }
      switch response {
      case .cosigned(let lines): return Self.accept(lines, of: witness.key, text: signed.note.textBytes)
      case .conflict(let latest):
        if latest > size { return (.remembersMore(size: latest), nil) }
        if latest == old {
          return (.refused(status: 409, reason: "it names the very size \(latest) that it was asked from"), nil)
        }
        old = latest
      case .refused(404, let reason): return (.unknownLog(reason: reason), nil)
      case .refused(422, let reason): return (.calledInconsistent(reason: reason), nil)
      case .refused(let status, let reason): return (.refused(status: status, reason: reason), nil)
      }
    }
    return (.refused(status: 409, reason: "its size changed \(Self.maximumAttempts) times"), nil)
  }

  func submit(_ request: AddCheckpointRequest, to url: String) async throws -> AddCheckpointResponse {
    let answer = try await transport.send(
      WitnessTransport.Request(method: "POST", url: Self.url(url, "add-checkpoint"), body: request.bytes))
    return try AddCheckpointResponse(status: answer.status, contentType: answer.contentType, body: answer.body)
  }

  /// The witness's own line among those it sent; others are of keys that the policy does not tie to it.
  private static func accept(
    _ lines: [NoteSignature], of key: VerifierKey, text: [UInt8]
  ) -> (WitnessOutcome, NoteSignature?) {
    guard let line = lines.first(where: { $0.claims(key) }) else {
      return (.badCosignature(reason: "no line is from \(key.name)"), nil)
    }
    do {
      let verified = try SignedNote(textBytes: text, signatures: [line]).verified(by: [key])
      return (.cosigned(at: verified.signatures.first?.timestamp ?? 0), line)
    } catch {
      return (.badCosignature(reason: "\(error)"), nil)
    }
  }

  static func url(_ prefix: String, _ path: String) -> String {
    prefix.hasSuffix("/") ? prefix + path : "\(prefix)/\(path)"
  }
}
