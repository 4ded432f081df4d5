/// What an event of a log is, as far as its digest proves it. Labels and types are whatever the log's writer put there; a
/// name is given only where the digest of the bank is the hash of exactly what the name says.
public enum Measurement: Sendable, Hashable {
  /// The end of what firmware measures into a register before it runs anything else.
  case separator(isError: Bool)
  /// A step of the firmware, for example `Exit Boot Services Invocation`.
  case action(String)
  /// A UEFI variable with its value, for example `SecureBoot`.
  case variable(name: String, value: [UInt8])
  /// A command that GRUB ran (PCR 8).
  case grubCommand(String)
  /// The kernel's command line as GRUB passed it (PCR 8).
  case kernelCommandLine(String)
  /// The command line, or another text, that systemd's boot loader or stub passed (PCR 12, formerly PCR 8).
  case bootLoaderText(String)
  /// The name of a section of a unified kernel image, for example `.linux` (PCR 11).
  case sectionName(String)
  /// The contents of the section that was named just before: only the digest is known.
  case section(String)
  /// An event of dstack's running guest.
  case application(name: String, payload: [UInt8])
  /// Anything else: the digest is proved, what it is of is hearsay.
  case opaque

  static let separatorData: [[UInt8]] = [[0, 0, 0, 0], [0xff, 0xff, 0xff, 0xff]]
  static let errorSeparatorData: [UInt8] = [1, 0, 0, 0]

  /// Names every event of a log, in its order.
  static func all(in log: EventLog, _ bank: BankAlgorithm) -> [Measurement] {
    // By register: the section whose name was measured last, with the label that the contents must repeat.
    var pending: [Int: (name: String, label: [UInt8])] = [:]
    return log.events.map { event in
      guard event.isMeasured, let register = event.register else { return .opaque }
      if let section = pending.removeValue(forKey: register), event.data == section.label {
        return .section(section.name)
      }
      let measurement = Measurement(event, bank)
      if case .sectionName(let name) = measurement, let label = event.data { pending[register] = (name, label) }
      return measurement
    }
  }

  private init(_ event: LoggedEvent, _ bank: BankAlgorithm) {
    if let isError = Self.separator(event, bank) {
      self = .separator(isError: isError)
    } else if event.type == .dstackRuntime, let name = event.label, let data = event.data {
      self = .application(name: name, payload: data)
    } else if let data = event.provedData(bank) {
      self = Self.proved(data)
    } else if let data = event.data {
      self = Self.partlyHashed(data, event, bank)
    } else {
      self = .opaque
    }
  }

  /// Whether an event is a separator by its digest alone, and whether one that reports an error.
  static func separator(_ event: LoggedEvent, _ bank: BankAlgorithm) -> Bool? {
    guard event.isMeasured else { return nil }
    if separatorData.contains(where: { event.isDigest(of: $0, bank) }) { return false }
    return event.isDigest(of: errorSeparatorData, bank) ? true : nil
  }

  private static func proved(_ data: [UInt8]) -> Measurement {
    if let variable = EFIVariable(data) { return .variable(name: variable.name, value: variable.value) }
    if let text = LoggedText.utf8(data), EFIAction.all.contains(text) { return .action(text) }
    if let text = LoggedText.terminatedUTF16(data) { return .bootLoaderText(text) }
    return .opaque
  }

  /// GRUB puts a prefix before what it hashed, and a zero (or two bytes) after it; systemd's stub logs as UTF-16 what it hashed as
  /// UTF-8.
  private static func partlyHashed(_ data: [UInt8], _ event: LoggedEvent, _ bank: BankAlgorithm) -> Measurement {
    for (prefix, make) in prefixes where data.starts(with: prefix) {
      for dropped in 0...2 {
        let hashed = Array(data.dropFirst(prefix.count).dropLast(dropped))
        // Some versions hash the text with its zero.
        let text = hashed.last == 0 ? hashed.dropLast() : hashed[...]
        if event.isDigest(of: hashed, bank), let text = LoggedText.utf8(text) { return make(text) }
      }
    }
    guard let text = LoggedText.terminatedUTF16(data) else { return .opaque }
    if text.utf8.first == UInt8(ascii: "."), event.isDigest(of: [UInt8](text.utf8) + [0], bank) {
      return .sectionName(text)
    }
    if event.isDigest(of: Array(data.dropLast(2)), bank) { return .bootLoaderText(text) }
    return .opaque
  }

  private static let prefixes: [([UInt8], @Sendable (String) -> Measurement)] = [
    ([UInt8]("grub_cmd: ".utf8), { .grubCommand($0) }), ([UInt8]("grub_cmd ".utf8), { .grubCommand($0) }),
    ([UInt8]("kernel_cmdline: ".utf8), { .kernelCommandLine($0) }),
    ([UInt8]("grub_kernel_cmdline ".utf8), { .kernelCommandLine($0) }),
    ([UInt8]("module_cmdline: ".utf8), { .grubCommand($0) }),
  ]
}

/// The steps that firmware measures by their names (TCG PC Client Platform Firmware Profile, section 10.4.4).
enum EFIAction {
  static let callingApplication = "Calling EFI Application from Boot Option"
  static let exitBootServices = "Exit Boot Services Invocation"
  static let exitBootServicesSucceeded = "Exit Boot Services Returned with Success"

  static let all: Set<String> = [
    callingApplication, exitBootServices, exitBootServicesSucceeded, "Returning from EFI Application from Boot Option",
    "Exit Boot Services Returned with Failure",
  ]
}
