/// Draws facts from a log whose replay has been held against signed registers.
struct BootFactsReader {
  private let log: EventLog
  private let measurements: [Measurement]
  private let registers: MeasuredRegisters
  /// Indexes of registers that the log yields as they were signed. Nothing is said of others.
  private let proved: Set<Int>

  init(_ log: EventLog, _ measurements: [Measurement], registers: MeasuredRegisters, proved: Set<Int>) {
    self.log = log
    self.measurements = measurements
    self.registers = registers
    self.proved = proved
  }

  private var bank: BankAlgorithm { registers.algorithm }

  func facts() -> BootFacts {
    var facts = BootFacts(bank: bank)
    facts.registers = proved.sorted().map(registers.name)
    readSecureBoot(&facts)
    readLoaders(&facts)
    readSeparators(&facts)
    return facts
  }

  private func events(_ index: Int) -> [(event: LoggedEvent, measurement: Measurement)] {
    zip(log.events, measurements).filter { $0.0.isMeasured && $0.0.register == index }.map { ($0.0, $0.1) }
  }

  /// Only what stands before the first separator is the firmware's own word: whoever runs after it can extend the register
  /// with the hash of any variable that he likes.
  private func readSecureBoot(_ facts: inout BootFacts) {
    let index = registers.family.secureBootIndex
    guard proved.contains(index) else { return }
    let events = events(index)
    guard let boundary = events.firstIndex(where: { if case .separator = $0.measurement { true } else { false } })
    else { return }
    for (position, item) in events.enumerated() {
      guard let data = item.event.provedData(bank), let variable = EFIVariable(data),
        let digest = item.event.digests[bank]
      else { continue }
      let named = BootFacts.Named(name: variable.name, digest: digest)
      if position < boundary, variable.isSecureBootPolicy {
        if facts.variables.contains(where: { $0.name == variable.name }) {
          facts.irregularities.append(.init(kind: .repeatedVariable, register: registers.name(index)))
        }
        facts.variables.append(named)
        if variable.name == "SecureBoot" { facts.secureBoot = variable.value == [1] }
      } else if position > boundary {
        if variable.isAuthority {
          facts.authorities.append(named)
        } else if variable.isSecureBootPolicy {
          facts.irregularities.append(.init(kind: .lateVariable, register: registers.name(index)))
        }
      }
    }
    // Which of two was in force is not known.
    if facts.variables.count(where: { $0.name == "SecureBoot" }) != 1 { facts.secureBoot = nil }
  }

  private func readLoaders(_ facts: inout BootFacts) {
    for index in registers.family.loaderIndexes where proved.contains(index) {
      for (event, measurement) in events(index) {
        switch measurement {
        case .kernelCommandLine(let text), .grubCommand(let text), .bootLoaderText(let text):
          facts.loaderTexts.append(text)
        case .section(let name):
          facts.sections.append(.init(name: name, digest: event.digests[bank] ?? []))
        case .application(let name, let payload):
          facts.applicationEvents.append(.init(name: name, digest: payload))
        case .sectionName, .separator, .action, .variable, .opaque: break
        }
        guard registers.family.textIndexes.contains(index) else { continue }
        switch measurement {
        case .section, .opaque: facts.loaderTextsAreComplete = false
        default: break
        }
      }
    }
  }

  /// Section 3.3.4.1: each register of the firmware is closed by exactly one separator.
  private func readSeparators(_ facts: inout BootFacts) {
    for index in registers.family.separatorIndexes {
      let events = events(index)
      // Those of another type that merely have the digest of one were told apart before.
      let separators = events.compactMap { item -> Bool? in
        guard item.event.type == .separator, case .separator(let isError) = item.measurement else { return nil }
        return isError
      }
      let name = registers.name(index)
      if separators.isEmpty, !events.isEmpty {
        facts.irregularities.append(.init(kind: .missingSeparator, register: name))
      }
      if separators.count > 1 { facts.irregularities.append(.init(kind: .duplicateSeparator, register: name)) }
      if separators.contains(true) { facts.irregularities.append(.init(kind: .errorSeparator, register: name)) }
    }
  }
}

extension MeasuredRegisters.Family {
  /// Where the secure-boot policy is measured: PCR 7, which a TDX guest maps to RTMR 0.
  var secureBootIndex: Int { self == .pcrs ? 7 : 0 }
  /// Registers of the firmware: PCR 0 to 7, RTMR 0 and 1.
  var separatorIndexes: ClosedRange<Int> { self == .pcrs ? 0...7 : 0...1 }
  /// Where boot loaders, kernels and dstack measure.
  var loaderIndexes: [Int] { self == .pcrs ? [8, 11, 12] : [2, 3] }
  /// Where boot loaders measure texts.
  var textIndexes: [Int] { self == .pcrs ? [8, 12] : [2] }
  /// Where the end of the firmware's services is measured: PCR 5, RTMR 1.
  var exitIndex: Int { self == .pcrs ? 5 : 1 }
}
