import Attestation
import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import TrustedPlatform

@Suite("Secrets sealed to registers", .enabled(if: Tools.isReady, Comment(rawValue: SoftwareTPM.absence)))
struct SealingTests {
  let tpm: SoftwareTPM
  let device: TPMDevice
  let secret = SecretBytes.random(count: 32)

  init() throws {
    tpm = try SoftwareTPM.twin()
    device = try TPMDevice(tcti: tpm.tcti)
  }

  @Test("What was sealed to the registers of now opens, and no more after one of them was extended")
  func opensAndFails() async throws {
    let policy = PCRPolicy(try await device.readPCRs([0, 4, 7, 14]))
    let sealed = try SealedSecret(try await device.seal(secret, to: policy).bytes)
    #expect(try await device.unseal(sealed).isEqual(to: secret))
    try await device.extend(9, with: SHA256.hash([1]).bytes)
    #expect(try await device.unseal(sealed).isEqual(to: secret), "a register outside the policy")
    try await device.extend(14, with: SHA256.hash([1]).bytes)
    let failure = await #expect(throws: TPMFailure.self) { try await device.unseal(sealed) }
    #expect(failure?.responseCode == .policyFail)
    #expect(failure?.description.contains("TPM_RC_POLICY_FAIL about session 1") == true)
  }

  @Test("A secret can be sealed to values that the registers do not have yet")
  func future() async throws {
    let digest = SHA256.hash([5]).bytes
    var values = try await device.readPCRs([7, 14]).values
    values[14] = BankAlgorithm.sha256.extend(values[14] ?? [], with: digest)
    let policy = PCRPolicy(try PCRBank(algorithm: .sha256, values: values))
    let sealed = try await device.seal(secret, to: policy)
    let early = await #expect(throws: TPMFailure.self) { try await device.unseal(sealed) }
    #expect(early?.responseCode == .policyFail)
    #expect(try await device.extend(14, with: digest) == values[14])
    #expect(try await device.unseal(sealed).isEqual(to: secret))
  }

  @Test("An independent implementation computes the same policy")
  func policyDigest() async throws {
    let directory = try TemporaryDirectory()
    try await device.extend(4, with: SHA256.hash([5]).bytes)
    try Tools.run("tpm2_createpolicy", "--policy-pcr", "-l", "sha256:0,4,14", "-L", directory.file("policy"), on: tpm)
    let policy = PCRPolicy(try await device.readPCRs([0, 4, 14]))
    #expect(policy.digest.bytes == (try directory.read("policy")))
  }

  @Test("Another TPM does not open it, and every changed byte is noticed")
  func elsewhere() async throws {
    let sealed = try await device.seal(secret, to: PCRPolicy(try await device.readPCRs([0])))
    let other = try SoftwareTPM()
    let failure = await #expect(throws: TPMFailure.self) { try await TPMDevice(tcti: other.tcti).unseal(sealed) }
    #expect(failure?.responseCode == .integrity)
    let bytes = sealed.bytes
    for offset in stride(from: 0, to: bytes.count, by: 7) {
      var changed = bytes
      changed[offset] ^= 0x10
      await #expect(throws: (any Error).self, "byte \(offset)") {
        try await device.unseal(try SealedSecret(changed))
      }
    }
    #expect(try await device.loadedHandles() == [])
  }

  @Test("Bytes that are no sealed secret are refused")
  func parsing() async throws {
    let bytes = try await device.seal(secret, to: PCRPolicy(try await device.readPCRs([0]))).bytes
    #expect(throws: FieldError.self) { try SealedSecret(bytes + [0]) }
    #expect(throws: FieldError.self) { try SealedSecret(Array(bytes.dropLast())) }
    #expect(throws: FieldError.self) { try SealedSecret([]) }
    #expect(throws: FieldError.self) { try SealedSecret([2] + bytes.dropFirst()) }
    var none = bytes
    none.replaceSubrange(3..<6, with: [0, 0, 0])
    #expect(throws: FieldError(field: "sealed.registers", expected: "at least one register", actual: "none")) {
      try SealedSecret(none)
    }
  }

  @Test("Secrets outside the limits are refused before the TPM is asked", arguments: [0, 129])
  func limits(count: Int) async throws {
    let policy = PCRPolicy(try await device.readPCRs([0]))
    await #expect(
      throws: TPMFailure.field(
        operation: "seal a secret",
        FieldError(field: "secret", expected: "1 to 128 bytes", actual: "\(count) bytes"))
    ) {
      try await device.seal(SecretBytes.random(count: count), to: policy)
    }
  }

  @Test("The longest secret comes back whole")
  func longest() async throws {
    let long = SecretBytes.random(count: 128)
    let sealed = try await device.seal(long, to: PCRPolicy(try await device.readPCRs(Set(0...23))))
    #expect(try await device.unseal(sealed).isEqual(to: long))
  }
}
