import Attestation
import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import Storage

/// Keeps the box's identity: makes its keys at the start, binds them into the machine's evidence, and claims them in the log;
/// again before the claim expires, and after code was measured that the last evidence does not show.
actor IdentityKeeper {
  /// How long an identity is claimed; a new one is made when half of it has passed.
  static let validity: Int64 = 24 * 3_600_000
  /// How often it is looked at whether that is so, and how soon a claim that failed is made again.
  private static let tick = Duration.seconds(300)

  /// Ends channels: whoever speaks to its public half speaks to this process. Never written anywhere.
  let channel = X25519.PrivateKey.generate()
  /// What is released to this box is encrypted to it. Never written anywhere.
  let wrapping: X25519.PrivateKey

  private let machine: Machine
  private let measurer: RuntimeMeasurer
  private let sequencer: Sequencer
  private let keys: BoxKeys
  private let signer: ClaimSigner
  private let evidence: ContentStore
  private let clock: @Sendable () -> Int64
  private let report: @Sendable (String) -> Void
  private var task: Task<Void, Never>?
  /// The newest identity, which is durable.
  private(set) var current: (identity: BoxIdentity, evidence: Evidence, expires: Int64)?
  private(set) var lastFailure: String?

  init(
    machine: BoxMachine, sequencer: Sequencer, keys: BoxKeys, signer: ClaimSigner, evidence: ContentStore,
    clock: @escaping @Sendable () -> Int64, report: @escaping @Sendable (String) -> Void
  ) {
    self.machine = machine.machine
    measurer = machine.measurer
    wrapping = machine.wrapping
    self.sequencer = sequencer
    self.keys = keys
    self.signer = signer
    self.evidence = evidence
    self.clock = clock
    self.report = report
  }

  /// Claims the first identity of this start: holds the machine's counter against the log, and refuses an older copy of it.
  func start() async throws {
    let last = try await sequencer.inspect { state, _ in state.identity?.identity.counter }
    var count: Int64?
    let counter = machine.counter.component
    if let counter {
      switch try CounterCheck.step(counter: try await counter.count(), log: last) {
      case .claim(let next): count = next
      case .makeGood(let next):
        _ = try await counter.increment()
        count = next
      }
    } else if let last {
      throw MachineFault.otherMachine(counter: nil, log: last)
    }
    try await claim(counter: count)
    // A crash before this line leaves the log one ahead: the next start makes it good.
    _ = try await counter?.increment()
    task = Task { [weak self] in
      while (try? await Task.sleep(for: Self.tick)) != nil { await self?.claimWhereDue() }
    }
  }

  func stop() { task?.cancel() }

  /// Claims anew where half of the time has passed, or where the last claim failed: the one before it does not show everything,
  /// and expires.
  func claimWhereDue() async {
    guard let current, lastFailure != nil || clock() >= current.expires - Self.validity / 2 else { return }
    await claimAgain()
  }

  /// Claims anew: before the identity expires, and when code was measured that the newest evidence does not show.
  func claimAgain() async {
    do {
      try await claim(counter: current?.identity.counter)
      lastFailure = nil
    } catch {
      lastFailure = "\(error)"
      report("the identity could not be claimed again: \(error)")
    }
  }

  private func claim(counter: Int64?) async throws {
    guard let checkpoint = try sequencer.reader.latestCheckpoint()?.checkpoint else { return }
    let bound = BoxIdentity.Bound(
      box: checkpoint.origin, keys: keys, channel: channel.publicKey, wrapping: wrapping.publicKey,
      nonce: SecureRandom.bytes(32), size: checkpoint.size, root: checkpoint.root, counter: counter)
    let evidence = try await measurer.evidence(binding: bound.binding.bytes)
    let identity = BoxIdentity(bound, evidence: try await self.evidence.keep(evidence.json.canonicalBytes()))
    let expires = (clock() + Self.validity) / 1000
    let claim = try Claim(
      iss: identity.box, sub: identity.box, stm: identity.stm, exp: expires, nce: Hex.encode(SecureRandom.bytes(16)),
      keys: [signer.key])
    try await sequencer.submit(.claim(try IdentityClaimed(claim: try claim.signed(by: signer))))
    current = (identity, evidence, expires * 1000)
  }

  /// Evidence for a caller's own nonce, and the keys that it speaks for.
  func answer(nonce: [UInt8]) async throws -> AttestationAnswer? {
    guard let identity = current?.identity else { return nil }
    let binding = AttestationAnswer.binding(nonce: nonce, identity: identity)
    return AttestationAnswer(
      nonce: nonce, identity: identity, evidence: try await measurer.evidence(binding: binding.bytes))
  }
}
