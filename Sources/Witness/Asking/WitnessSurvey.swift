import Cryptography
import Storage
import TransparencyLog

/// What the witnesses of a policy remember of a log: asked before a box serves, since a box that any witness remembers as
/// larger was rolled back.
public struct WitnessSurvey: Sendable {
  /// What was learnt, for the start-up gate of the log.
  public let views: [WitnessView]
  /// Witnesses that answered and remember nothing.
  public let blank: [String]
  /// Witnesses that gave no usable answer, and why. How many are too many is for the operator's policy to say.
  public let silent: [(witness: String, reason: String)]
  /// Whether those that answered would make the policy's quorum. If not, a rollback may go unnoticed.
  public let isQuorumReached: Bool
}

extension WitnessClient {
  /// Asks every witness what it remembers of the log of `checkpoint`, without asking it to move.
  ///
  /// The question is an `add-checkpoint` from size zero: a witness that remembers anything answers 409 and its size. One
  /// that remembers nothing cosigns the checkpoint, which is ours, so nothing is lost. Where it serves its latest
  /// checkpoint under the same address, that is read too and, if signatures and size fit, gives its root: two logs of one
  /// size are told apart.
  ///
  /// - Parameters:
  ///   - checkpoint: The newest local checkpoint, signed by the log; of size zero for a log without entries.
  ///   - log: The log's keys, which must have signed what a witness shows.
  public func survey(_ checkpoint: SignedCheckpoint, log: LogKeys) async -> WitnessSurvey {
    let answers = await withTaskGroup(of: (Int, Memory).self) { group in
      for (index, witness) in policy.witnesses.enumerated() {
        group.addTask { (index, await self.memory(of: witness, checkpoint, log: log)) }
      }
      var answers: [Int: Memory] = [:]
      for await (index, memory) in group { answers[index] = memory }
      return answers
    }
    var views: [WitnessView] = []
    var blank: [String] = []
    var silent: [(witness: String, reason: String)] = []
    for (index, witness) in policy.witnesses.enumerated() {
      switch answers[index] {
      case .remembers(let memory): views.append(WitnessView(name: witness.name, memory: memory))
      case .nothing: blank.append(witness.name)
      case .silent(let reason): silent.append((witness: witness.name, reason: reason))
      case nil: silent.append((witness: witness.name, reason: "it was not asked"))
      }
    }
    let unheard = Set(silent.map(\.witness))
    let heard = policy.witnesses.indices.filter { !unheard.contains(policy.witnesses[$0].name) }
    return WitnessSurvey(
      views: views, blank: blank, silent: silent, isQuorumReached: policy.isSatisfied(cosigners: Set(heard)))
  }

  private enum Memory: Sendable {
    case nothing
    case remembers(WitnessView.Memory)
    case silent(String)
  }

  private func memory(of witness: WitnessPolicy.Witness, _ checkpoint: SignedCheckpoint, log: LogKeys) async -> Memory {
    guard let url = witness.url else { return .silent("\(WitnessOutcome.noAddress)") }
    let response: AddCheckpointResponse
    do {
      response = try await submit(AddCheckpointRequest(oldSize: 0, hashes: [], checkpoint: checkpoint), to: url)
    } catch {
      return .silent("\(error)")
    }
    switch response {
    case .cosigned: return .nothing
    case .conflict(let size):
      guard let latest = await latest(of: witness, at: url, log: log), latest.size == size else {
        return .remembers(.size(size))
      }
      return .remembers(.checkpoint(size: size, root: latest.root))
    case .refused(let status, let reason):
      // 422 comes only after the witness found its own size to be zero: it has nothing against us but a bad root.
      return .silent("status \(status): \(reason)")
    }
  }

  /// The latest checkpoint that a witness shows for a log; nil unless both the log and this witness signed it.
  func latest(of witness: WitnessPolicy.Witness, at url: String, log: LogKeys) async -> Checkpoint? {
    let hash = SHA256.hash(Array(log.origin.utf8)).hex
    let request = WitnessTransport.Request(method: "GET", url: Self.url(url, "\(hash)/checkpoint"), body: [])
    guard let answer = try? await transport.send(request), answer.status == 200,
      let signed = try? SignedCheckpoint(parsing: answer.body),
      let verified = try? signed.verified(log: log, requiring: .anyKey, witnesses: [witness.key]),
      !verified.cosignatures.isEmpty
    else { return nil }
    return verified.checkpoint
  }
}
