import Attestation
import CanonicalJSON
import Cryptography
import Governance
import PlayedMachines
import Receipts
import Synchronization
import TestSupport
import Testing
import TrustedPlatform

@testable import BoxService

/// A whole box on each confidential platform, whose devices are played and whose makers are mints: it starts, claims what it
/// can, answers a nonce, and its receipts hold under a policy of somebody who trusts the mint. Azure's TPM is a real software
/// TPM.
@Suite struct PlatformTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  // MARK: What every platform must do

  /// Starts, answers, acts, and hands out a receipt that holds; then starts once more.
  private static func expectVouching(_ platform: PlayedPlatform, isMeasuring: Bool, isCounting: Bool) async throws {
    let home = try await platform.home()
    let box = try await TestBox(home, machine: platform.machine)
    guard case .ready = box.box.mode else { throw TestFailure("\(box.box.mode)") }
    let current = try #require(await box.box.attestation?.keeper.current)
    #expect(current.evidence.kind == platform.kind)
    #expect((current.identity.counter != nil) == isCounting)
    let measured = try await box.core().sequencer.inspect { state, _ in state.measured }
    #expect(measured.isOn == isMeasuring && measured.events.isEmpty != isMeasuring)

    // A stranger's nonce, and one that it was not made for.
    let nonce = SHA256.hash([1]).bytes
    let answered = try await box.call("POST", "/v1/attestation", ["nonce": .string(Hex.encode(nonce))], as: nil)
    let answer = try AttestationAnswer(json: answered.json)
    func verdict(_ nonce: [UInt8]) -> AttestationReport {
      answer.evidence.appraised(
        by: platform.policy, binding: .bytes(AttestationAnswer.binding(nonce: nonce, identity: answer.identity).bytes),
        at: home.clock.now)
    }
    let accepted = verdict(nonce)
    #expect(accepted.verdict == .accepted, "\(accepted.failures)")
    #expect(
      accepted.checks.contains { $0.id.name.hasSuffix("runtime.replay") && $0.outcome.name == "passed" } == isMeasuring)
    #expect(verdict(SHA256.hash([2]).bytes).verdict == .rejected)

    // What is executed on it has a receipt that leads down to the mint.
    let opened = try await box.open("note.single")
    try await box.approve(opened, by: "ana")
    try await box.wait(opened, for: "executed")
    let receipt = try await box.get("/v1/receipts/\(opened.id)")
    let report = try ReceiptCheck.report(
      receipt, of: box, appraisal: EvidenceExpectation(policy: platform.policy, time: .ofClaim))
    #expect(report.verdict == .accepted, "\(report.failures)")
    for step in [StepID.identity, .evidence] {
      #expect(report.steps.first { $0.id == step }?.outcome.name == "passed")
    }

    let claims = try await box.get("/v1/claims").json["claims"]?.array ?? []
    func words(_ id: String) -> String {
      let claim = claims.first { $0["id"]?.string == id }
      return claim?["reason"]?.string ?? claim?["evidence"]?.string ?? ""
    }
    #expect(
      words("code-measurement").hasPrefix("guest code is not measured on \(platform.kind.rawValue): ") != isMeasuring)
    #expect(words("no-rollback").contains("no counter of the machine guards the directory") != isCounting)
    await box.stop()

    let again = try await TestBox(home, machine: platform.machine)
    guard case .ready = again.box.mode else { throw TestFailure("\(again.box.mode)") }
    let next = try #require(await again.box.attestation?.keeper.current)
    #expect(next.identity.counter == current.identity.counter.map { $0 + 1 })
    #expect(next.identity.channel != current.identity.channel)
    await again.stop()
  }

  @Test func aBoxOnSNPVouchesWithoutMeasuringItsCode() async throws {
    try await Self.expectVouching(try .snp(directory), isMeasuring: false, isCounting: false)
  }

  @Test func aBoxInANitroEnclaveVouchesWithoutMeasuringItsCode() async throws {
    // The clock of the home that is made of it, and of the module.
    try await Self.expectVouching(try .nitro(clock: TestClock()), isMeasuring: false, isCounting: false)
  }

  @Test func aBoxInATrustDomainMeasuresIntoItsRegister() async throws {
    try await Self.expectVouching(try .tdx(), isMeasuring: true, isCounting: false)
  }

  @Test func aTrustDomainOfAnOldKernelSaysThatItMeasuresNothing() async throws {
    try await Self.expectVouching(try .tdx(hasRegisters: false), isMeasuring: false, isCounting: false)
  }

  @Test(.enabled(if: PlayedPlatform.canPlayAzure, Comment(rawValue: SoftwareTPM.absence)))
  func aBoxOnAzureMeasuresAndCountsInItsTPM() async throws {
    let tpm = try SoftwareTPM.twin()
    try await Self.expectVouching(try .azure(tpm, directory), isMeasuring: true, isCounting: true)
  }

  @Test(.enabled(if: SoftwareTPM.isReady, Comment(rawValue: SoftwareTPM.absence)))
  func aTPMBesideAProcessorsReportMeasuresAndCounts() async throws {
    let tpm = try SoftwareTPM.twin()
    let platform = try await PlayedPlatform.snpBesideTPM(tpm, directory)
    try await Self.expectVouching(platform, isMeasuring: true, isCounting: true)
    let evidence = try await platform.machine.evidence(binding: [1], runtime: [])
    #expect(evidence.parts.map(\.kind) == [.snp, .tpm])
    #expect(evidence.parts.map { ($0.content as? TPMEvidence)?.logs.runtime != nil } == [false, true])
  }

  // MARK: What a register must do

  @Test func aTrustDomainThatStartsAgainMeasuresAnew() async throws {
    let platform = try PlayedPlatform.tdx()
    let kernel = try #require(platform.kernel)
    let home = try await platform.home()
    for (restarts, expected) in [(false, 1), (false, 1), (true, 2)] as [(Bool, Int64)] {
      if restarts { kernel.startRegisters() }
      let box = try await TestBox(home, machine: platform.machine)
      let measured = try await box.core().sequencer.inspect { state, _ in state.measured }
      #expect(measured.boot == expected)
      let log = try RuntimeLog(measured.events)
      #expect(
        kernel.state.withLock { $0.files[PlayedKernel.register(3)] }
          == log.replay(from: BankAlgorithm.sha384.zeros, algorithm: .sha384))
      await box.stop()
    }
  }

  @Test func whatOthersMeasuredIntoATrustDomainIsNotExplained() async throws {
    let platform = try PlayedPlatform.tdx()
    let home = try await platform.home()
    await (try await TestBox(home, machine: platform.machine)).stop()
    try #require(platform.kernel).write(SHA384.hash([9]), to: PlayedKernel.register(3))
    let box = try await TestBox(home, machine: platform.machine)
    guard case .readOnly(let reason) = box.box.mode else { throw TestFailure("it goes on") }
    #expect(reason.contains("something else was measured"))
    await box.stop()
  }

  /// The step down that nobody would see: the same log on a machine, or under a kernel, that has no register.
  @Test func aLogOfMeasuredCodeIsNotContinuedWithoutARegister() async throws {
    let measured = try PlayedPlatform.tdx()
    let home = try await measured.home()
    await (try await TestBox(home, machine: measured.machine)).stop()
    for other in [try PlayedPlatform.tdx(hasRegisters: false), try .snp(directory)] {
      let box = try await TestBox(home, machine: other.machine)
      guard case .readOnly(let reason) = box.box.mode else { throw TestFailure("it goes on") }
      #expect(reason.contains("into whose register its code was measured, and this machine has none"))
      await box.stop()
    }
    let box = try await TestBox(home, machine: measured.machine)
    guard case .ready = box.box.mode else { throw TestFailure("\(box.box.mode)") }
    await box.stop()
  }

  /// A machine that cannot make evidence is no machine: the box does not come up as if it had one.
  @Test func aGuestOfAnotherPlatformKeepsTheBoxFromStarting() async throws {
    let trustDomain = try PlayedPlatform.tdx()
    let machine = try Machine(
      MachineConfiguration(.snp(interface: .configuration)), files: try #require(trustDomain.kernel))
    let home = try await trustDomain.home()
    let error = await #expect(throws: GuestFailure.self) { _ = try await TestBox(home, machine: machine) }
    #expect(error == .provider(expected: "sev_guest", actual: "tdx_guest"))
  }
}
