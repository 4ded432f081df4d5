public import CanonicalJSON
import Cryptography

extension CheckID {
  static let tpmPolicyBank = CheckID("tpm.policy-bank", "Registers of the bank that the policy names are quoted")
  static let tpmPolicyRegisters = CheckID("tpm.policy-registers", "The registers have values that the policy accepts")
  static let tpmClockSafe = CheckID("tpm.clock-safe", "The TPM's clock has not gone back")
  static let tpmSince = CheckID("tpm.since", "The quote comes after the one that the policy remembers")
}

/// Which genuine quote is acceptable: the part of a policy that all kinds with a TPM share.
///
///     "bank": "sha256" | "sha384" | "sha512"
///     "registers": "any" or {"secure-boot": [HEX, ...], "pcr4": "any", ...}   quoted, with one of the values or with any
///     "clockSafe": true | "any"
///     "since": "any" or {"clock": 1, "resetCount": 1, "restartCount": 0, "sameBoot": true | false}
public struct QuotePolicy: Sendable, Hashable {
  public static let maxValues = 64

  /// The clock of an earlier quote of the same TPM.
  public struct Since: Sendable, Hashable {
    public let clockInfo: TPMQuote.ClockInfo
    /// Whether the machine must not have been reset, suspended or resumed since.
    public let isSameBoot: Bool

    public init(_ clockInfo: TPMQuote.ClockInfo, isSameBoot: Bool) {
      self.clockInfo = clockInfo
      self.isSameBoot = isSameBoot
    }

    /// Why a later quote cannot be one, or nil. Clocks and counters only go forward unless the TPM was cleared, was replaced,
    /// or is another. Counters go round, and keys outside the endorsement hierarchy see them shifted by a constant
    /// (TPM 2.0 part 1, section 36.7): so their difference counts, not their size.
    public func fault(in later: TPMQuote.ClockInfo) -> String? {
      let resets = Int32(bitPattern: later.resetCount &- clockInfo.resetCount)
      let restarts = Int32(bitPattern: later.restartCount &- clockInfo.restartCount)
      if later.clock < clockInfo.clock { return "the clock went from \(clockInfo.clock) to \(later.clock)" }
      if resets < 0 { return "resetCount went from \(clockInfo.resetCount) to \(later.resetCount)" }
      if resets == 0 && restarts < 0 {
        return "restartCount went from \(clockInfo.restartCount) to \(later.restartCount)"
      }
      if isSameBoot && (resets != 0 || restarts != 0) { return "the machine was reset or resumed since" }
      return nil
    }
  }

  /// The bank whose registers are judged.
  public let bank: BankAlgorithm
  /// By index; nil is the written-out `any`.
  public let registers: [Int: Accepted<[UInt8]>]?
  public let demandsSafeClock: Bool
  /// nil is the written-out `any`.
  public let since: Since?

  /// Takes the members `bank`, `registers`, `clockSafe` and `since`, all of which must be there.
  public init(members reader: inout ObjectReader) throws(FieldError) {
    let name = try reader.string("bank", maxBytes: 16)
    guard let bank = BankAlgorithm(rawValue: name), bank != .sha1 else {
      throw FieldError(
        field: reader.pathOf("bank"), expected: "sha256, sha384 or sha512", actual: JSON.string(name).summary)
    }
    self.bank = bank
    registers = try Self.registers(try reader.json("registers"), of: bank, path: reader.pathOf("registers"))
    let safe = try reader.json("clockSafe")
    guard safe == true || safe.string == "any" else {
      throw FieldError(field: reader.pathOf("clockSafe"), expected: "true or any", actual: safe.summary)
    }
    demandsSafeClock = safe == true
    since = try Self.since(&reader)
  }

  private static func registers(
    _ json: JSON, of bank: BankAlgorithm, path: String
  ) throws(FieldError) -> [Int: Accepted<[UInt8]>]? {
    if json.string == "any" { return nil }
    // A policy that names no register would compare nothing, and look as if it had.
    guard let object = json.object, (1...PCRBank.indexes.count).contains(object.count) else {
      throw FieldError(field: path, expected: "any, or an object of 1 to 24 registers", actual: json.summary)
    }
    var registers: [Int: Accepted<[UInt8]>] = [:]
    for (name, json) in object {
      guard let index = PCRMeaning.index(named: name), registers[index] == nil else {
        throw FieldError(
          field: path, expected: "each register once, by its meaning or as pcr0 to pcr23",
          actual: JSON.string(name).summary)
      }
      registers[index] = try values(json, of: bank, path: "\(path).\(name)")
    }
    return registers
  }

  private static func values(
    _ json: JSON, of bank: BankAlgorithm, path: String
  ) throws(FieldError) -> Accepted<[UInt8]> {
    if json.string == "any" { return .any }
    guard let array = json.array, (1...maxValues).contains(array.count) else {
      throw FieldError(field: path, expected: "any, or 1 to \(maxValues) values", actual: json.summary)
    }
    var values: Set<[UInt8]> = []
    for value in array {
      guard let text = value.string, let bytes = Hex.decode(text), bytes.count == bank.byteCount else {
        throw FieldError(
          field: path, expected: "\(bank.byteCount) bytes in hexadecimal", actual: value.summary)
      }
      values.insert(bytes)
    }
    return .only(values)
  }

  private static func since(_ reader: inout ObjectReader) throws(FieldError) -> Since? {
    if try reader.json("since").string == "any" { return nil }
    var member = try reader.object("since")
    let clock = try member.integer("clock", in: 0...JSON.maxSafeInteger)
    let counter = Int64(0)...Int64(UInt32.max)
    let resets = try member.integer("resetCount", in: counter)
    let restarts = try member.integer("restartCount", in: counter)
    let isSameBoot = try member.bool("sameBoot")
    try member.finish()
    return Since(
      TPMQuote.ClockInfo(
        clock: UInt64(clock), resetCount: UInt32(resets), restartCount: UInt32(restarts), isSafe: true),
      isSameBoot: isSameBoot)
  }

  /// `bank`, `registers`, `clockSafe` and `since`.
  public var members: JSONObject {
    var object: JSONObject = [
      "bank": .string(bank.rawValue), "clockSafe": demandsSafeClock ? true : "any", "registers": "any", "since": "any",
    ]
    if let registers {
      object["registers"] = .object(
        JSONObject(
          registers.map { index, accepted in
            switch accepted {
            case .any: (PCRMeaning.names[index], "any")
            case .only(let values):
              (PCRMeaning.names[index], .array(values.map(Hex.encode).sorted().map { .string($0) }))
            }
          }))
    }
    if let since {
      object["since"] = [
        "clock": .integer(Int64(clamping: since.clockInfo.clock)),
        "resetCount": .integer(Int64(since.clockInfo.resetCount)),
        "restartCount": .integer(Int64(since.clockInfo.restartCount)), "sameBoot": .bool(since.isSameBoot),
      ]
    }
    return object
  }

  /// Demands and makes its checks: `tpm.policy-bank`, `tpm.policy-registers`, `tpm.clock-safe` and `tpm.since`.
  public func appraise(_ quote: VerifiedQuote, into checks: inout CheckList) {
    checks.demand([.tpmPolicyBank, .tpmPolicyRegisters, .tpmClockSafe, .tpmSince])
    let quoted = quote.banks.map(\.algorithm.rawValue).joined(separator: ", ")
    checks.require(.tpmPolicyBank, quote.bank(bank) != nil, expected: bank.rawValue, actual: quoted)
    appraiseRegisters(quote, into: &checks)
    if demandsSafeClock {
      checks.require(
        .tpmClockSafe, quote.quote.clockInfo.isSafe, expected: "safe",
        actual: quote.quote.clockInfo.isSafe ? "safe" : "not safe: the TPM lost power before it saved its clock")
    } else {
      checks.waive(.tpmClockSafe, because: "the policy accepts any clock")
    }
    guard let since else {
      return checks.waive(.tpmSince, because: "the policy remembers no earlier quote")
    }
    if let fault = since.fault(in: quote.quote.clockInfo) {
      checks.fail(.tpmSince, expected: "a quote after the remembered one", actual: fault)
    } else {
      let clock = quote.quote.clockInfo
      checks.pass(.tpmSince, "clock \(clock.clock), \(clock.resetCount) resets, \(clock.restartCount) restarts")
    }
  }

  private func appraiseRegisters(_ quote: VerifiedQuote, into checks: inout CheckList) {
    guard let registers else {
      return checks.waive(.tpmPolicyRegisters, because: "the policy accepts any values of any registers")
    }
    let bank = quote.bank(bank)
    let differences = registers.sorted { $0.key < $1.key }.filter { index, accepted in
      bank?[index].map { !accepted.accepts($0) } ?? true
    }
    guard differences.isEmpty else {
      return checks.fail(
        .tpmPolicyRegisters, expected: differences.map { Self.text($0.key, $0.value) }.joined(separator: ", "),
        actual: differences.map { "\(PCRMeaning.names[$0.key]) \(bank?[$0.key].map(Hex.encode) ?? "not quoted")" }
          .joined(separator: ", "))
    }
    checks.pass(.tpmPolicyRegisters, registers.keys.sorted().map { PCRMeaning.names[$0] }.joined(separator: ", "))
  }

  private static func text(_ index: Int, _ accepted: Accepted<[UInt8]>) -> String {
    switch accepted {
    case .any: "\(PCRMeaning.names[index]) quoted"
    case .only(let values): "\(PCRMeaning.names[index]) \(values.map(Hex.encode).sorted().joined(separator: " or "))"
    }
  }
}
