import Attestation
import Cryptography
import Governance
import OpenClaims
import Receipts
import TrustedPlatform

/// The machine that vouches, and what measures into it: there before the data of the box is opened.
struct BoxMachine: Sendable {
  let machine: Machine
  let measurer: RuntimeMeasurer
  /// What is released to this start of the box is sealed to it, and the identity names it. Never written anywhere.
  let wrapping = X25519.PrivateKey.generate()

  /// What the configuration names; nil for no machine. Its devices are reached when the box starts.
  init?(
    _ configuration: MachineConfiguration?, sequencer: Sequencer, environment: Box.Environment,
    onFault: @escaping @Sendable (String) -> Void
  ) throws {
    guard let configuration else { return nil }
    machine = try environment.machine ?? Machine(configuration)
    measurer = RuntimeMeasurer(machine: machine, sequencer: sequencer, onFault: onFault)
  }
}

/// What a box needs to vouch for itself.
struct BoxAttestation: Sendable {
  let machine: Machine
  let measurer: RuntimeMeasurer
  let keeper: IdentityKeeper
  let sequencer: Sequencer
  let clock: @Sendable () -> Int64
  /// Of those who ask for evidence.
  let pace = AttestationPace()

  /// What is asked before anything executes; nil where the machine has no register for code.
  var measurement: CodeMeasurement? {
    machine.register.component.map { _ in CodeMeasurement(measurer: measurer, keeper: keeper, sequencer: sequencer) }
  }

  init(
    _ machine: BoxMachine, sequencer: Sequencer, keys: BoxKeys, signer: ClaimSigner, evidence: ContentStore,
    clock: @escaping @Sendable () -> Int64, report: @escaping @Sendable (String) -> Void
  ) {
    self.machine = machine.machine
    measurer = machine.measurer
    self.sequencer = sequencer
    self.clock = clock
    keeper = IdentityKeeper(
      machine: machine, sequencer: sequencer, keys: keys, signer: signer, evidence: evidence, clock: clock,
      report: report)
  }

  /// Measures what is in force and claims the identity, before anything is carried out.
  func start() async throws {
    try await measurer.start()
    try await keeper.start()
  }
}

extension Box {
  /// What this machine offers to prove what it runs. Looks for devices and asks none of them.
  func platforms() -> PlatformDetection { PlatformDetection(tcti: configuration.attestation?.tcti) }

  /// The first identity of this start. A box whose machine contradicts its log serves its log and takes nothing.
  ///
  /// - Returns: whether the box may go on.
  func vouch() async throws -> Bool {
    guard let core else { return false }
    do {
      guard let attestation else {
        // Whoever read this log learned to expect evidence; going on without would be a silent step down.
        if try await core.sequencer.inspect({ state, _ in state.measured.isOn }) { throw MachineFault.absent }
        return true
      }
      try await attestation.start()
      return true
    } catch let fault as MachineFault {
      raiseAlarm("\(fault)")
      return false
    }
  }
}
