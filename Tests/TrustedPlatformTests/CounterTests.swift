import TestSupport
import Testing

@testable import TrustedPlatform

@Suite("Counters that only rise", .enabled(if: Tools.isReady, Comment(rawValue: SoftwareTPM.absence)))
struct CounterTests {
  let tpm: SoftwareTPM
  let device: TPMDevice

  init() throws {
    tpm = try SoftwareTPM.twin()
    device = try TPMDevice(tcti: tpm.tcti)
  }

  @Test("It is made once, rises by one, and keeps its value over restarts and power failures")
  func rises() async throws {
    #expect(try await device.value() == nil)
    let first = try await device.define()
    #expect(try await device.define() == first)
    #expect(try await device.increment() == first + 1)
    try tpm.stop()
    try tpm.start()
    #expect(try await device.value() == first + 1)
    #expect(try await device.increment() == first + 2)
    try tpm.kill()
    try tpm.start()
    #expect(try await device.value() == first + 2)
  }

  @Test("Deleting and making it again does not lower it")
  func deleted() async throws {
    _ = try await device.define()
    for _ in 0..<5 { _ = try await device.increment() }
    let before = try #require(try await device.value())
    try Tools.run("tpm2_nvundefine", "0x1805afe", "-C", "o", on: tpm)
    #expect(try await device.value() == nil)
    await #expect(throws: TPMFailure.absent(operation: "raise a counter")) { try await device.increment() }
    #expect(try await device.define() > before)
  }

  @Test("A counter that was never raised has no value, and gets one when it is defined")
  func halfMade() async throws {
    // A crash between making and raising it leaves exactly this.
    try Tools.run(
      "tpm2_nvdefine", "0x1805afe", "-C", "o", "-a", "nt=counter|ownerread|ownerwrite|authread|authwrite|no_da", on: tpm
    )
    #expect(try await device.value() == nil)
    let value = try await device.define()
    #expect(try await device.value() == value)
  }

  @Test(
    "An index that can be set to any value, or has a password, is not taken for the counter",
    arguments: [
      "ownerread|ownerwrite|authread|authwrite|no_da",
      "nt=counter|ownerread|ownerwrite|authread|authwrite",
      "nt=counter|ownerread|ownerwrite|authread|authwrite|no_da|orderly",
    ])
  func foreign(attributes: String) async throws {
    try Tools.run("tpm2_nvdefine", "0x1805afe", "-C", "o", "-s", "8", "-a", attributes, on: tpm)
    await #expect(throws: TPMFailure.foreign(operation: "define a counter")) { try await device.define() }
    await #expect(throws: TPMFailure.foreign(operation: "raise a counter")) { try await device.increment() }
    await #expect(throws: TPMFailure.foreign(operation: "read a counter")) { try await device.value() }
  }
}
