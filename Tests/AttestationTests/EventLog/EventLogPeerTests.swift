import Cryptography
import Foundation
import TestSupport
import Testing

@testable import Attestation

/// `tpm2_eventlog` of tpm2-tools replays the same logs: its registers must be ours, in every bank.
///
/// In PCR 0 version 5.4 errs: it extends the zeros that stand in place of digests in events that are not extended, and passes over
/// the start-up locality. There it is held to that error, so that nothing else can hide behind it.
@Suite(.enabled(if: Vectors.available, Vectors.absence)) struct EventLogPeerTests {
  static let tool = Subprocess.find("tpm2_eventlog")
  static let absence: Comment = "tpm2_eventlog (tpm2-tools) is not installed"
  /// It ends with a segmentation fault on the one, and refuses the other, which has nothing to replay.
  static let tooMuchForThePeer = ["option_rom_eventlog", "short_no_action_eventlog"]

  @Test(.enabled(if: tool != nil, absence), arguments: EventLogVectors.pcrLogs)
  func thePeerYieldsTheSameRegisters(_ name: String) throws {
    guard !Self.tooMuchForThePeer.contains(where: { name.hasSuffix($0) }) else { return }
    let run = try Subprocess.run(try #require(Self.tool), [try Vectors.path(name)])
    try #require(run.status == 0, "\(run.errors)")
    let log = try EventLogVectors.log(name, .pcrs)
    var compared = 0
    var bank: BankAlgorithm?
    let text = String(decoding: run.output, as: UTF8.self)
    let result = try #require(text.range(of: "\npcrs:\n"))
    for line in text[result.upperBound...].split(separator: "\n") {
      let parts = line.split(separator: ":").map { $0.trimmingCharacters(in: .whitespaces) }
      if parts.count == 1, let name = parts.first { bank = BankAlgorithm(rawValue: name) }
      guard parts.count == 2, let index = Int(parts[0]), let bank else { continue }
      let replayed = index == 0 ? erring(log, bank) : log.replay(bank)[index]
      #expect(replayed.map { "0x" + Hex.encode($0) } == parts[1], "\(bank.rawValue) \(index)")
      compared += 1
    }
    #expect(compared == log.banks.reduce(0) { $0 + log.replay($1).count })
  }

  private func erring(_ log: EventLog, _ bank: BankAlgorithm) -> [UInt8]? {
    let digests = log.events.filter { $0.register == 0 }.compactMap { $0.digests[bank] }
    guard log.events.contains(where: { !$0.isMeasured && $0.register == 0 }) else { return log.replay(bank)[0] }
    return digests.reduce(bank.zeros) { bank.extend($0, with: $1) }
  }
}
