import Attestation
import AttestationMint
import Cryptography
import Governance
import Synchronization
import TestSupport
import Testing
import TrustedPlatform

@testable import BoxService

/// A machine in memory that dies where the test wants it: what the box makes of each place. Its evidence is minted; that real
/// TPMs behave like it is shown by the end-to-end tests with swtpm.
private final class MemoryMachine: EvidenceCollector, CodeRegister, MonotonicCounter {
  struct PowerCut: Error {}

  struct Memory: Sendable {
    var register = [UInt8](repeating: 0, count: 32)
    var counter: Int64 = 41
    /// The next extension fails, before or after the register took it.
    var failsExtending: Bool?
    var failsCounting = false
    var failsQuoting = false
    var quotes = 0
  }

  let memory: Mutex<Memory>
  private let key = TPMMint.p256()

  init() { memory = Mutex(Memory()) }

  /// The machine is switched off and on.
  func reset() { memory.withLock { $0.register = [UInt8](repeating: 0, count: 32) } }

  var machine: Machine {
    Machine(collector: self, register: .present(self), counter: .present(self), software: { "memory" })
  }

  var kind: EvidenceKind { .tpm }

  func evidence(binding: [UInt8], runtime: RuntimeLog?) async throws(GuestFailure) -> Evidence {
    let (register, fails) = memory.withLock { memory in
      memory.quotes += 1
      return (memory.register, memory.failsQuoting)
    }
    if fails { throw .nitro("no power") }
    do {
      let bank = try PCRBank(algorithm: .sha256, values: [14: register])
      return Evidence(try key.evidence([bank], extraData: binding, logs: MeasurementLogs(runtime: runtime)))
    } catch {
      throw .nitro("\(error)")
    }
  }

  func value() async throws -> RegisterValue { RegisterValue(banks: [.sha256: memory.withLock(\.register)]) }

  func extend(_ event: RuntimeEvent) async throws {
    try memory.withLock { memory in
      let fails = memory.failsExtending
      memory.failsExtending = nil
      if fails == true { throw PowerCut() }
      memory.register = BankAlgorithm.sha256.extend(memory.register, with: event.registerDigest(.sha256))
      if fails == false { throw PowerCut() }
    }
  }

  func replay(_ events: [RuntimeEvent]) throws -> RegisterValue {
    RegisterValue(
      banks: [.sha256: try RuntimeLog(events).replay(from: BankAlgorithm.sha256.zeros, algorithm: .sha256)])
  }

  func count() async throws -> Int64 { memory.withLock(\.counter) }

  func increment() async throws -> Int64 {
    try memory.withLock { memory in
      if memory.failsCounting { throw PowerCut() }
      memory.counter += 1
      return memory.counter
    }
  }
}

/// What the box makes of a machine that dies in between, is switched off, is another, or was measured into by others.
@Suite struct MachineTests {
  private static func home() async throws -> TestBox.Home {
    try await TestBox.Home(
      configuration: BoxConfiguration(
        listen: .tcp(address: "127.0.0.1", port: 0), admin: .tcp(address: "127.0.0.1", port: 0),
        attestation: .init(.tpm(tcti: "swtpm:path=/nowhere"))))
  }

  private static func event(_ number: UInt8) throws -> RuntimeEvent {
    try RuntimeEvent(kind: .tool, name: "tool \(number)", digest: SHA256.hash([number]))
  }

  private static func measured(_ box: TestBox) async throws -> MeasuredCode {
    try await box.core().sequencer.inspect { state, _ in state.measured }
  }

  private static func measurer(_ box: TestBox) throws -> RuntimeMeasurer {
    try #require(box.box.attestation).measurer
  }

  /// The register is exactly what the log says was measured.
  private static func expectAgreement(_ box: TestBox, _ machine: MemoryMachine, boot: Int64, events: Int) async throws {
    let measured = try await measured(box)
    #expect(measured.boot == boot && measured.events.count == events)
    #expect(try await machine.value() == machine.replay(measured.events))
  }

  @Test func everyStartCountsAndMeasuresWhatIsInForce() async throws {
    let (home, machine) = (try await Self.home(), MemoryMachine())
    let box = try await TestBox(home, machine: machine.machine)
    try await Self.expectAgreement(box, machine, boot: 1, events: 1)
    let first = try #require(await box.box.attestation?.keeper.current)
    #expect(first.identity.counter == 42 && machine.memory.withLock(\.counter) == 42)
    #expect(
      first.evidence.verified(binding: .bytes(first.identity.binding.bytes), at: 0, anchors: Self.anchors(first)) != nil
    )
    await box.stop()
    let again = try await TestBox(home, machine: machine.machine)
    try await Self.expectAgreement(again, machine, boot: 1, events: 1)
    let second = try #require(await again.box.attestation?.keeper.current)
    #expect(second.identity.counter == 43)
    // Keys of a start are of that start alone.
    #expect(second.identity.channel != first.identity.channel && second.identity.wrapping != first.identity.wrapping)
    await again.stop()
    machine.reset()
    let afresh = try await TestBox(home, machine: machine.machine)
    try await Self.expectAgreement(afresh, machine, boot: 2, events: 1)
    await afresh.stop()
  }

  /// An identity is claimed again when half of its time is over, and as soon as possible after a claim that failed.
  @Test func aClaimIsRenewedInTimeAndRepeatedAfterAFailure() async throws {
    let (home, machine) = (try await Self.home(), MemoryMachine())
    let box = try await TestBox(home, machine: machine.machine)
    let keeper = try #require(box.box.attestation).keeper
    func claimed() async throws -> BoxIdentity { try #require(await keeper.current).identity }
    let first = try await claimed()
    await keeper.claimWhereDue()
    #expect(try await claimed() == first)
    home.clock.advance(seconds: IdentityKeeper.validity / 2000 - 1)
    await keeper.claimWhereDue()
    #expect(try await claimed() == first)
    machine.memory.withLock { $0.failsQuoting = true }
    home.clock.advance(seconds: 1)
    await keeper.claimWhereDue()
    #expect(try await claimed() == first)
    #expect(await keeper.lastFailure != nil)
    machine.memory.withLock { $0.failsQuoting = false }
    await keeper.claimWhereDue()
    let second = try await claimed()
    #expect(second != first)
    #expect(await keeper.lastFailure == nil)
    // A failure long before that is made good too.
    machine.memory.withLock { $0.failsQuoting = true }
    await keeper.claimAgain()
    machine.memory.withLock { $0.failsQuoting = false }
    await keeper.claimWhereDue()
    #expect(try await claimed() != second)
    await box.stop()
  }

  private static func anchors(_ current: (identity: BoxIdentity, evidence: Evidence, expires: Int64)) -> TrustAnchors {
    guard let evidence = current.evidence.content as? TPMEvidence, let key = evidence.key,
      let area = try? TPMTPublic(key)
    else { return TrustAnchors() }
    return TrustAnchors(enrolled: [area.name: .software(name: "memory")])
  }

  @Test func aCrashBeforeTheCountIsMadeGood() async throws {
    let (home, machine) = (try await Self.home(), MemoryMachine())
    machine.memory.withLock { $0.failsCounting = true }
    await #expect(throws: MemoryMachine.PowerCut.self) { _ = try await TestBox(home, machine: machine.machine) }
    #expect(machine.memory.withLock(\.counter) == 41)
    machine.memory.withLock { $0.failsCounting = false }
    let box = try await TestBox(home, machine: machine.machine)
    #expect(await box.box.attestation?.keeper.current?.identity.counter == 43)
    #expect(machine.memory.withLock(\.counter) == 43)
    await box.stop()
  }

  /// At the first event, and at a later one; before the register took it, and after.
  @Test(arguments: [true, false], [true, false])
  func aCrashWhileMeasuringIsMadeGood(beforeTheRegister isBefore: Bool, atTheFirst isFirst: Bool) async throws {
    let (home, machine) = (try await Self.home(), MemoryMachine())
    if isFirst {
      machine.memory.withLock { $0.failsExtending = isBefore }
      await #expect(throws: MemoryMachine.PowerCut.self) { _ = try await TestBox(home, machine: machine.machine) }
    } else {
      let box = try await TestBox(home, machine: machine.machine)
      machine.memory.withLock { $0.failsExtending = isBefore }
      let event = try Self.event(1)
      await #expect(throws: MemoryMachine.PowerCut.self) { try await Self.measurer(box).measure([event]) }
      // What was recorded and may not be in the register makes the box take nothing more.
      guard case .readOnly(let reason) = box.box.mode else { throw TestFailure("it goes on") }
      #expect(reason.contains("could not be measured"))
      await box.stop()
    }
    let box = try await TestBox(home, machine: machine.machine)
    guard case .ready = box.box.mode else { throw TestFailure("\(box.box.mode)") }
    let (boot, events): (Int64, Int) =
      switch (isFirst, isBefore) {
      // An empty register is a start of the machine, as far as anybody can see.
      case (true, true): (2, 1)
      case (true, false): (1, 1)
      case (false, _): (1, 2)
      }
    try await Self.expectAgreement(box, machine, boot: boot, events: events)
    await box.stop()
  }

  @Test func whatOthersMeasuredIsNotExplained() async throws {
    let (home, machine) = (try await Self.home(), MemoryMachine())
    await (try await TestBox(home, machine: machine.machine)).stop()
    try await machine.extend(try Self.event(9))
    let box = try await TestBox(home, machine: machine.machine)
    guard case .readOnly(let reason) = box.box.mode else { throw TestFailure("it goes on") }
    #expect(reason.contains("something else was measured"))
    #expect(
      try await box.call("POST", "/v1/proposals", ["action": ["type": "note.write", "params": [:]]]).status == 503)
    await box.stop()
  }

  @Test func aFreshLogOnAMachineThatWasMeasuredIntoIsRefused() async throws {
    let (home, machine) = (try await Self.home(), MemoryMachine())
    try await machine.extend(try Self.event(9))
    let box = try await TestBox(home, machine: machine.machine)
    guard case .readOnly = box.box.mode else { throw TestFailure("it goes on") }
    await box.stop()
  }

  @Test func anotherMachineIsRefused() async throws {
    let (home, machine) = (try await Self.home(), MemoryMachine())
    await (try await TestBox(home, machine: machine.machine)).stop()
    let other = MemoryMachine()
    other.memory.withLock { $0.counter = 7 }
    let box = try await TestBox(home, machine: other.machine)
    guard case .readOnly(let reason) = box.box.mode else { throw TestFailure("it goes on") }
    #expect(reason.contains("it is another machine, or its counter was deleted"))
    await box.stop()
  }

  /// Whoever reaches the box may ask for evidence; the machine is not kept busy by them.
  @Test func whoAsksTooOftenForEvidenceIsToldWhenToComeAgain() async throws {
    let (home, machine) = (try await Self.home(), MemoryMachine())
    let box = try await TestBox(home, machine: machine.machine)
    let before = machine.memory.withLock(\.quotes)
    func ask(as client: String? = nil) async throws -> Answer {
      try await box.call(
        "POST", "/v1/attestation", ["nonce": .string(String(repeating: "5a", count: 16))], as: client)
    }
    for _ in 0..<AttestationPace.Limits.caller.burst { #expect(try await ask().status == 200) }
    let refused = try await ask()
    #expect(refused.status == 429 && refused.code == "too_many_attestations")
    #expect(refused.header("retry-after") == "2")
    #expect(try await ask(as: "reader").status == 200)
    home.clock.advance(seconds: 2)
    #expect(try await ask().status == 200)
    #expect(try await ask().status == 429)
    #expect(machine.memory.withLock(\.quotes) - before == Int(AttestationPace.Limits.caller.burst) + 2)
    await box.stop()
  }

  @Test func theSameCodeIsMeasuredOnceHoweverManyAsk() async throws {
    let (home, machine) = (try await Self.home(), MemoryMachine())
    let box = try await TestBox(home, machine: machine.machine)
    let measurer = try Self.measurer(box)
    let events = try (0..<3).map { try Self.event($0) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 { group.addTask { try await measurer.measure(events) } }
      try await group.waitForAll()
    }
    try await Self.expectAgreement(box, machine, boot: 1, events: 4)
    await box.stop()
  }
}
