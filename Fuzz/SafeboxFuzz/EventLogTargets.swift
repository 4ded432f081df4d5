import Attestation
import CanonicalJSON
import Cryptography

/// Logs of measurements come from whoever wants to be trusted.
enum EventLogTargets {
  /// A firmware log of a TPM. Whatever is read says the same of registers that it yields, and nothing of others.
  static let firmware = FuzzTarget(
    name: "attestation.eventlog", shape: .binary,
    seeds: [log([.sha256], offset: 0), log([.sha1, .sha384], offset: 0)],
    tokens: ["Spec ID Event03\0", "StartupLocality\0", "grub_cmd: ", "kernel_cmdline: ", ".\0l\0i\0n\0u\0x\0\0\0"]
  ) { input throws(FuzzTarget.Violation) in try check(input, .pcrs) }

  /// A log of a TDX guest: CCEL, or dstack's JSON.
  static let guest = FuzzTarget(
    name: "attestation.ccel", shape: .binary,
    seeds: [
      log([.sha384], offset: 1), log([.sha384], offset: 1) + [UInt8](repeating: 0xff, count: 40),
      Array(
        #"[{"imr":3,"event_type":134217729,"digest":"","event":"app-id","event_payload":"ab"}]"#.utf8),
    ],
    tokens: ["\"imr\":", "\"event_payload\":\"", "134217729"]
  ) { input throws(FuzzTarget.Violation) in try check(input, .rtmrs) }

  /// Runtime events as evidence carries them.
  static let runtime = FuzzTarget(
    name: "attestation.runtime", shape: .json,
    seeds: [
      Array(#"{"runtime":[{"digest":"\#(String(repeating: "0a", count: 32))","kind":"tool","name":"a"}]}"#.utf8),
      Array(#"{"eventLog":"AAAA","runtime":[]}"#.utf8),
    ],
    tokens: ["\"lock\"", "\"model\"", "\"policy\"", "\"runner\""]
  ) { input throws(FuzzTarget.Violation) in
    guard let json = try? JSON(parsing: input, limits: .document(maxBytes: 1 << 20)), let members = json.object else {
      return "not JSON"
    }
    var reader = ObjectReader(members: members)
    let logs: MeasurementLogs
    do throws(FieldError) {
      logs = try MeasurementLogs(members: &reader)
      try reader.finish()
    } catch { return String(error.expected.filter(\.isLetter).prefix(24)) }
    try FuzzTarget.require(
      JSON.object(logs.members).canonicalBytes() == json.canonicalBytes(), "members come back otherwise")
    return "read \(min(logs.runtime?.events.count ?? -1, 3))"
  }

  private static func check(
    _ input: [UInt8], _ family: MeasuredRegisters.Family
  ) throws(FuzzTarget.Violation) -> String {
    let log: EventLog
    do throws(FieldError) { log = try EventLog(parsing: input, for: family) } catch {
      return (error.field + error.expected).filter(\.isLetter)
    }
    guard let bank = log.banks.last else { return "no bank" }
    var values = log.replay(bank)
    for index in 0..<(family == .pcrs ? 16 : 4) where values[index] == nil { values[index] = bank.zeros }
    let registers =
      family == .pcrs ? MeasuredRegisters(pcrs: values, algorithm: bank) : MeasuredRegisters(rtmrs: values)
    var checks = CheckList()
    let claims = MeasurementLogs(eventLog: input).verify(against: registers, into: &checks)
    try FuzzTarget.require(claims.boot == nil || checks.holds, "facts of a log that does not hold")
    // One bit of one signed register, and nothing is known.
    guard let index = log.events.lazy.filter(\.isMeasured).compactMap(\.register).first else {
      return "nothing measured"
    }
    values[index]?[0] ^= 1
    var others = CheckList()
    let changed =
      family == .pcrs ? MeasuredRegisters(pcrs: values, algorithm: bank) : MeasuredRegisters(rtmrs: values)
    let none = MeasurementLogs(eventLog: input).verify(against: changed, into: &others)
    try FuzzTarget.require(none.boot == nil && !others.succeeds, "accepted for another register")
    return "\(log.form) \(claims.boot?.secureBoot.map { "\($0)" } ?? "unknown") \(checks.succeeds)"
  }

  /// A short log: locality, firmware, a variable, separators, a command of GRUB.
  private static func log(_ banks: [BankAlgorithm], offset: UInt8) -> [UInt8] {
    func little(_ value: UInt32) -> [UInt8] {
      stride(from: 0, through: 24, by: 8).map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
    }
    var spec = Array("Spec ID Event03\0".utf8) + little(0) + [0, 2, 0, 2] + little(UInt32(banks.count))
    for bank in banks {
      spec += [UInt8(truncatingIfNeeded: bank.identifier), 0, UInt8(truncatingIfNeeded: bank.byteCount), 0]
    }
    spec.append(0)
    var log = little(0) + little(3) + [UInt8](repeating: 0, count: 20) + little(UInt32(spec.count)) + spec
    func measure(_ register: UInt8, _ type: UInt32, _ hashed: [UInt8], _ logged: [UInt8]) {
      log += little(UInt32(register + offset)) + little(type) + little(UInt32(banks.count))
      for bank in banks {
        log += [UInt8(truncatingIfNeeded: bank.identifier), 0] + (type == 3 ? bank.zeros : bank.hash(hashed))
      }
      log += little(UInt32(logged.count)) + logged
    }
    if offset == 0 { measure(0, 3, [], Array("StartupLocality\0".utf8) + [3]) }
    let vendor: [UInt8] = [
      0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c,
    ]
    let name: [UInt8] = "SecureBoot".utf8.flatMap { [$0, 0] as [UInt8] }
    let variable = vendor + little(10) + little(0) + little(1) + little(0) + name + [1]
    measure(offset == 0 ? 7 : 0, 0x8000_0001, variable, variable)
    for register in [0, 1, 7] as [UInt8] where offset == 0 || register < 2 {
      measure(register, 4, [0, 0, 0, 0], [0, 0, 0, 0])
    }
    measure(offset == 0 ? 8 : 2, 13, Array("boot".utf8), Array("grub_cmd: boot\0".utf8))
    return log
  }
}
