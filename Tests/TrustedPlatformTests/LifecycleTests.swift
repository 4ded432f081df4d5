import Attestation
import CanonicalJSON
import Cryptography
import Glibc
import TestSupport
import Testing

@testable import TrustedPlatform

@Suite("A TPM that comes and goes", .enabled(if: Tools.isReady, Comment(rawValue: SoftwareTPM.absence)))
struct LifecycleTests {
  let tpm: SoftwareTPM
  let device: TPMDevice

  init() throws {
    tpm = try SoftwareTPM.twin()
    device = try TPMDevice(tcti: tpm.tcti)
  }

  @Test("A restart raises the count of resets and empties the runtime register, in the clock and in quotes")
  func restart() async throws {
    let zeros = BankAlgorithm.sha256.zeros
    let digest = SHA256.hash([1]).bytes
    #expect(try await device.extend(14, with: digest) == BankAlgorithm.sha256.extend(zeros, with: digest))
    let before = try await device.clock()
    let quoted = try await device.quote(extraData: [1], registers: [14])
    try tpm.stop()
    try tpm.start()
    #expect(try await device.readPCRs([14])[14] == zeros)
    let after = try await device.clock()
    #expect(after.resetCount == before.resetCount + 1)
    #expect(after.restartCount == 0)
    #expect(after.clock >= before.clock)
    // Shifted by a constant of the key, so the difference still shows.
    let again = try await device.quote(extraData: [1], registers: [14])
    #expect(again.quote.clockInfo.resetCount == quoted.quote.clockInfo.resetCount &+ 1)
  }

  @Test("A register that nobody but a restart empties is not emptied by anybody")
  func noReset() async throws {
    try await device.extend(14, with: SHA256.hash([1]).bytes)
    let value = try await device.readPCRs([14])
    #expect(try Tools.refuses("tpm2_pcrreset", "14", on: tpm))
    #expect(try await device.readPCRs([14]) == value)
  }

  @Test("Other banks can be read, quoted and extended; a bank that the TPM lacks is named")
  func banks() async throws {
    let digest = SHA384.hash([1])
    let zeros = BankAlgorithm.sha384.zeros
    #expect(
      try await device.extend(14, with: digest, bank: .sha384) == BankAlgorithm.sha384.extend(zeros, with: digest))
    #expect(try await device.readPCRs([14])[14] == BankAlgorithm.sha256.zeros)
    let quote = try await device.quote(extraData: [1], registers: [0, 14], bank: .sha384)
    #expect(quote.quote.selections.map(\.bank) == [.sha384])
    await #expect(throws: TPMFailure.noBank(.sha512)) { try await device.readPCRs([0], bank: .sha512) }
    // It would extend nothing and report success.
    await #expect(throws: TPMFailure.noBank(.sha512)) {
      try await device.extend(14, with: [UInt8](repeating: 1, count: 64), bank: .sha512)
    }
  }

  @Test("Arguments outside their limits are refused and named")
  func arguments() async throws {
    await #expect(throws: TPMFailure.self) { try await device.readPCRs([]) }
    await #expect(throws: TPMFailure.self) { try await device.readPCRs([24]) }
    await #expect(throws: TPMFailure.self) { try await device.extend(14, with: [1]) }
    for count in [0, 51] {
      await #expect(
        throws: TPMFailure.field(
          operation: "quote",
          FieldError(field: "extraData", expected: "1 to 50 bytes", actual: "\(count) bytes"))
      ) { try await device.quote(extraData: [UInt8](repeating: 1, count: count), registers: [0]) }
    }
  }

  @Test("Several clients at once take turns, and none loses an extension")
  func clients() async throws {
    let tcti = tpm.tcti
    _ = try await device.attestationKey()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for client in 0..<4 {
        group.addTask {
          let device = try TPMDevice(tcti: tcti)
          for round in 0..<5 {
            try await device.extend(14, with: SHA256.hash([UInt8(client), UInt8(round)]).bytes)
            let quote = try await device.quote(extraData: [UInt8(client), 1], registers: [14])
            #expect(quote.quote.extraData == [UInt8(client), 1])
          }
        }
      }
      try await group.waitForAll()
    }
    // The register tells how often it was extended: no order of twenty digests can be known, so another is counted.
    let counter = try await device.define()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          let device = try TPMDevice(tcti: tcti)
          for _ in 0..<5 { _ = try await device.increment() }
        }
      }
      try await group.waitForAll()
    }
    #expect(try await device.value() == counter + 20)
    #expect(try await device.loadedHandles() == [])
  }

  @Test("A TPM that is killed in the middle is an error, and is found again when it is back")
  func killed() async throws {
    let key = try await device.attestationKey()
    let process = try #require(tpm.processIdentifier)
    // It stands still in the middle of whatever it is asked next, and then dies.
    kill(process, SIGSTOP)
    async let quote = device.quote(extraData: [1], registers: [0])
    kill(process, SIGKILL)
    let failure: TPMFailure
    do {
      _ = try await quote
      Issue.record("a dead TPM quoted")
      return
    } catch let error as TPMFailure { failure = error }
    switch failure {
    case .lost, .unreachable: break
    default: Issue.record("\(failure)")
    }
    try tpm.kill()
    await #expect(throws: TPMFailure.self) { try await device.clock() }
    try tpm.start()
    #expect(try await device.attestationKey() == key)
  }

  @Test("A TPM that does not answer is given up, and what waited behind it is never begun")
  func silent() async throws {
    let device = try TPMDevice(tcti: tpm.tcti, limit: .milliseconds(300))
    let before = try await self.device.readPCRs([14])
    let process = try #require(tpm.processIdentifier)
    kill(process, SIGSTOP)
    let first = Task { try await device.clock() }
    while device.operationsUnderWay == 0 { await Task.yield() }
    let second = Task { try await device.extend(14, with: SHA256.hash([1]).bytes) }
    await #expect(throws: TPMFailure.timedOut(operation: "tell its time", limit: .milliseconds(300))) {
      try await first.value
    }
    await #expect(throws: TPMFailure.timedOut(operation: "extend a register", limit: .milliseconds(300))) {
      try await second.value
    }
    kill(process, SIGCONT)
    while device.operationsUnderWay > 0 { await Task.yield() }
    #expect(try await self.device.readPCRs([14]) == before)
  }

  @Test(
    "Addresses that would load a library, leave the machine or are none",
    arguments: [
      "", "device", "device:", "device:/etc/passwd", "device:/dev/tpm/../mem", "mssim", "swtpm:", "swtpm:path=relative",
      "swtpm:path=/a,host=b", "swtpm:host=example.org,port=1", "swtpm:host=127.0.0.1,port=0",
      "swtpm:host=127.0.0.1,port=65535", "swtpm:host=127.0.0.1,port=01", "/tmp/evil.so", "libevil.so:x", "cmd:sh -c id",
    ])
  func addresses(text: String) {
    #expect(throws: TPMFailure.unknownAddress(text)) { try TPMDevice(tcti: text) }
  }

  @Test("Where no TPM is, the failure says which address and why")
  func unreachable() async throws {
    for address in ["swtpm:path=/nonexistent/tpm", "device:/dev/tpmrm9", "swtpm:host=127.0.0.1,port=1"] {
      let failure = await #expect(throws: TPMFailure.self) { try await TPMDevice(tcti: address).clock() }
      guard case .unreachable(address, let code) = failure else {
        Issue.record("\(String(describing: failure))")
        continue
      }
      #expect(code.layer == .transport)
    }
  }

  @Test("Nothing is left in the TPM after two hundred operations, also where they fail")
  func handles() async throws {
    let policy = PCRPolicy(try await device.readPCRs([0]))
    let sealed = try await device.seal(SecretBytes.random(count: 16), to: policy)
    try await device.extend(0, with: SHA256.hash([1]).bytes)
    for round in 0..<50 {
      _ = try await device.quote(extraData: [UInt8(round)], registers: [0, 14])
      await #expect(throws: TPMFailure.self) { try await device.unseal(sealed) }
      await #expect(throws: TPMFailure.self) {
        try await device.activate(credential: [1, 2, 3], encryptedSecret: [4, 5, 6], endorsement: .p256)
      }
      _ = try await device.endorsementKey(.p256)
    }
    #expect(try await device.loadedHandles() == [])
    #expect(try Tools.run("tpm2_getcap", "handles-transient", on: tpm) == "")
  }

  @Test("What a client that died left in the TPM is cleared away when there is no room")
  func remains() async throws {
    let directory = try TemporaryDirectory()
    // Each of these tools leaves its object in the TPM, which has room for three.
    for name in ["a", "b", "c"] {
      try Tools.run("tpm2_createprimary", "-C", "o", "-G", "ecc", "-c", directory.file(name), on: tpm)
    }
    #expect(try await device.loadedHandles().count == 3)
    _ = try await device.endorsementKey(.p256)
    #expect(try await device.loadedHandles() == [])
  }
}
