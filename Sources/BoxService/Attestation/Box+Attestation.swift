import Attestation
import Cryptography
import Governance
import OpenClaims
import Receipts
import TrustedPlatform

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
    machine: Machine, sequencer: Sequencer, keys: BoxKeys,
    signer: ClaimSigner, evidence: ContentStore, clock: @escaping @Sendable () -> Int64,
    report: @escaping @Sendable (String) -> Void, onFault: @escaping @Sendable (String) -> Void
  ) {
    self.machine = machine
    self.sequencer = sequencer
    self.clock = clock
    measurer = RuntimeMeasurer(machine: machine, sequencer: sequencer, onFault: onFault)
    keeper = IdentityKeeper(
      machine: machine, measurer: measurer, sequencer: sequencer, keys: keys, signer: signer, evidence: evidence,
      clock: clock, report: report)
  }

  /// Measures what is in force and claims the identity, before anything is carried out.
  func start() async throws {
    try await measurer.start()
    try await keeper.start()
  }
}

extension Box {
  /// What the configuration names. Its devices are reached when the box starts.
  static func attestation(
    _ configuration: MachineConfiguration?, state sequencer: Sequencer, keys: BoxKeys, signer: ClaimSigner,
    evidence: ContentStore, environment: Environment, onFault: @escaping @Sendable (String) -> Void
  ) throws -> BoxAttestation? {
    guard let configuration else { return nil }
    return BoxAttestation(
      machine: try environment.machine ?? Machine(configuration), sequencer: sequencer, keys: keys,
      signer: signer, evidence: evidence, clock: environment.clock, report: environment.report, onFault: onFault)
  }

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
