import Attestation
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import TrustedPlatform

@Suite("Quotes of a software TPM", .enabled(if: Tools.isReady, Comment(rawValue: SoftwareTPM.absence)))
struct QuoteTests {
  // Few: the peer reads no more than seven from a file of bare values.
  private static let quoted = [0, 4, 7, 14]

  let tpm: SoftwareTPM
  let device: TPMDevice

  init() throws {
    tpm = try SoftwareTPM.twin()
    device = try TPMDevice(tcti: tpm.tcti)
  }

  @Test(
    "The attestation key is restricted and can neither leave the TPM nor have been imported",
    arguments: AttestationKey.Kind.allCases)
  func attributes(kind: AttestationKey.Kind) async throws {
    let key = try await device.attestationKey(kind)
    #expect(key.publicArea.attributes.rawValue == 0x0005_0072)
    #expect(key.publicArea.symmetric == nil)
    #expect(key.publicArea.scheme?.hash == .sha256)
    #expect(key.publicArea.scheme?.algorithm == (kind == .p256 ? 0x0018 : 0x0014))
    // What the independent tool sees at the handle.
    let seen = try Tools.run("tpm2_readpublic", "-c", "0x" + String(kind.handle, radix: 16), on: tpm)
    #expect(seen.contains("name: \(Hex.encode(key.name))"))
    #expect(seen.contains("fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign"))
  }

  @Test(
    "An independent verifier accepts the quote, and refuses it over other values",
    arguments: AttestationKey.Kind.allCases)
  func independentVerifier(kind: AttestationKey.Kind) async throws {
    let nonce = SHA256.hash([1, 2, 3]).bytes
    try await device.extend(14, with: SHA256.hash([7]).bytes)
    let quote = try await device.quote(by: kind, extraData: nonce, registers: Set(Self.quoted))
    let directory = try TemporaryDirectory()
    let values = Self.quoted.flatMap { quote.registers[$0] ?? [] }
    #expect(values.count == 4 * 32)
    let arguments = [
      try directory.write(Array(PEM.encode(quote.key.publicArea.key.spkiDER, label: "PUBLIC KEY").utf8), to: "key"),
      try directory.write(quote.quote.bytes, to: "quote"), try directory.write(quote.signature, to: "signature"),
      try directory.write(values, to: "values"),
    ]
    try check(arguments, nonce: nonce)
    #expect(throws: Tools.Failure.self) { try check(arguments, nonce: SHA256.hash([9]).bytes) }
    var other = values
    other[3 * 32] ^= 1
    try directory.write(other, to: "values")
    #expect(throws: Tools.Failure.self) { try check(arguments, nonce: nonce) }
  }

  private func check(_ files: [String], nonce: [UInt8]) throws {
    try Tools.run(
      "tpm2_checkquote", "-u", files[0], "-m", files[1], "-s", files[2], "-f", files[3], "-l",
      "sha256:" + Self.quoted.map(String.init).joined(separator: ","), "-g", "sha256", "-q", Hex.encode(nonce))
  }

  @Test("Our own verifier accepts the quote")
  func ownVerifier() async throws {
    let nonce = SHA256.hash([1, 2, 3]).bytes
    let quote = try await device.quote(extraData: nonce, registers: Set(0...23))
    #expect(quote.registers.values.count == 24)
    var checks = CheckList()
    let verified = TPMQuoteVerifier.verify(
      quote: quote.quote.bytes, signature: try TPMTSignature(quote.signature), key: quote.key.publicArea.key,
      pcrs: [quote.registers], binding: .bytes(nonce), into: &checks)
    #expect(verified != nil)
    #expect(checks.succeeds)
  }

  @Test("The attestation key is the same after restarts and after it was evicted, and another in another TPM")
  func stable() async throws {
    let first = try await device.attestationKey()
    try tpm.stop()
    try tpm.start()
    #expect(try await device.attestationKey() == first)
    try Tools.run("tpm2_evictcontrol", "-C", "o", "-c", "0x81005afe", on: tpm)
    #expect(try await device.attestationKey() == first)
    let other = try SoftwareTPM()
    #expect(try await TPMDevice(tcti: other.tcti).attestationKey() != first)
  }

  @Test("Another key at our handle is neither used nor evicted")
  func foreignKey() async throws {
    let directory = try TemporaryDirectory()
    try Tools.run(
      "tpm2_createprimary", "-C", "o", "-G", "ecc256:ecdsa-sha256:null", "-a",
      "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign", "-c", directory.file("key"), on: tpm)
    try Tools.run("tpm2_evictcontrol", "-C", "o", "-c", directory.file("key"), "0x81005afe", on: tpm)
    await #expect(throws: TPMFailure.foreign(operation: "quote")) {
      try await device.quote(extraData: [1], registers: [0])
    }
  }
}
