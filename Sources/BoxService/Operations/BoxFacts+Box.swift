import Attestation
import Governance
import Receipts
import TransparencyLog

extension Box {
  /// What is so about this box, read from the process, the configuration and the log at the time of asking; `nil` where not
  /// even entry 0 can be read.
  func facts() async throws -> BoxFacts? {
    var constitution: Constitution?
    if let core {
      // A box that is stopping answers from what it read last.
      constitution = try? await core.sequencer.inspect { state, _ in state.constitution }
    }
    if constitution == nil { constitution = try firstConstitution() }
    guard let constitution else { return nil }
    let log: BoxFacts.Log =
      switch mode {
      case .ready: .writable(entries: try reader.size())
      case .readOnly(let reason): .readOnly(reason: reason)
      }
    var witnessing = BoxFacts.Witnesses.none
    if let text = configuration.witnessPolicy, let policy = try? WitnessPolicy(parsing: Array(text.utf8)) {
      witnessing = .configured(
        count: policy.witnesses.count, cosigned: await witnesses?.newest?.checkpoint.size, askedAtStart: true)
    }
    let bound = bound.withLock { $0 }
    return BoxFacts(
      machine: await machineFact(), dataKey: keyFact(), witnesses: witnessing, log: log, clock: .host,
      durability: .confirmed,
      listeners: [
        .init(
          address: bound.api.first?.description ?? configuration.listen.text,
          isLoopback: configuration.listen.isLoopback,
          isEncrypted: configuration.tls != nil),
        .init(
          address: bound.admin.first?.description ?? configuration.admin.text,
          isLoopback: configuration.admin.isLoopback, isEncrypted: false),
      ],
      isRoot: CurrentProcess.isRoot, sandbox: await sandbox.fact(), keysAreFiles: true, valuesAreErasable: true,
      constitution: constitution)
  }

  /// Only what `takeUp` found: no other line writes that a key was released.
  private func keyFact() -> BoxFacts.DataKey {
    let broker = configuration.keyRelease?.broker.url ?? ""
    return switch dataKey.withLock({ $0 }) {
    case .file: .file
    case .awaited: .awaited(broker: broker)
    case .released(let key):
      .released(
        .init(broker: broker, digest: key.release, accepted: key.accepted, isHardware: key.isHardware))
    }
  }

  private func machineFact() async -> BoxFacts.Machine {
    guard configuration.attestation != nil else { return .none }
    guard let attestation, let core, let current = await attestation.keeper.current else {
      return .silent(why: "\(mode)")
    }
    let evidence = current.evidence
    let measured = (try? await core.sequencer.inspect { state, _ in state.measured }) ?? MeasuredCode()
    let software = (try? await attestation.machine.software()) ?? nil
    // Each member for itself: what one maker vouches for is no less so because another's root is not known here.
    let parts = evidence.parts.map { part in
      let claims = part.verified(
        binding: .bytes(current.identity.binding.bytes), at: attestation.clock(), anchors: .compiledIn)
      let root: BoxFacts.Vouching.Root =
        switch claims?.assurance {
        case .hardware(let vendor): .hardware(vendor: vendor)
        case .software(let name): .software(name: name)
        case nil: part.kind.isOfTPM ? software.map { .software(name: $0) } ?? .unknown : .unknown
        }
      return BoxFacts.Vouching.Part(
        kind: part.kind, root: root, hasEventLog: part.content.members["eventLog"] != nil,
        showsCode: part.kind == attestation.machine.measuringKind)
    }
    let code: BoxFacts.Vouching.Code =
      switch attestation.machine.register {
      case .present: .measured(events: measured.events.count, isLocked: measured.isLocked)
      case .absent(let reason): .unmeasured(reason: reason)
      }
    let counter: BoxFacts.Vouching.Counter =
      switch attestation.machine.counter {
      case .present: current.identity.counter.map { .stands(at: $0) } ?? .none(reason: "it did not count yet")
      case .absent(let reason): .none(reason: reason)
      }
    return .vouching(
      BoxFacts.Vouching(
        parts: parts, digest: current.identity.evidence, expires: current.expires,
        failure: await attestation.keeper.lastFailure, code: code, counter: counter))
  }

  private func firstConstitution() throws -> Constitution? {
    guard let stored = try reader.entry(0), let entry = try? Entry(parsing: stored.bytes), entry.kind == .boxCreated
    else { return nil }
    return try? BoxCreated(body: entry.body).constitution
  }
}

extension EvidenceKind {
  /// Whether software may play the machine under it: what names itself is a TPM.
  fileprivate var isOfTPM: Bool {
    switch self {
    case .tpm, .azure, .gcpVTPM, .nitroTPM: true
    case .snp, .tdx, .nitroEnclave, .nvidia, .combined: false
    }
  }
}
