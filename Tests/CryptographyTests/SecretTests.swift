import Testing

@testable import Cryptography

@Suite struct SecretTests {
  @Test func secretsAreWipedWithTheLastReference() {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 16)
    defer { memory.deallocate() }
    memory.copyBytes(from: pattern(64))
    var first: SecretBytes? = SecretBytes(wiping: memory)
    var second = first
    first = nil
    #expect(second?.withUnsafeBytes { [UInt8]($0) } == pattern(64))
    #expect([UInt8](memory) == pattern(64))
    second = nil
    #expect([UInt8](memory) == [UInt8](repeating: 0, count: 64))
  }

  @Test func secretsAreCopiesAndNeverPrinted() throws {
    let secret = SecretBytes(copying: Array("password".utf8))
    #expect(secret.count == 8)
    #expect("\(secret)" == "SecretBytes(8 bytes)")
    var dumped = ""
    dump(secret, to: &dumped)
    #expect(!dumped.contains("112") && !dumped.contains("password"))
    #expect(SecretBytes(copying: []).count == 0)
    #expect(SecretBytes(copying: []).withUnsafeBytes { $0.count } == 0)
  }

  @Test func aFillerThatFailsMakesNoSecret() {
    #expect(throws: CryptographyError.authenticationFailed) {
      _ = try SecretBytes(count: 8) { (_) throws(CryptographyError) in throw .authenticationFailed }
    }
  }

  @Test func randomBytesDiffer() {
    #expect(SecureRandom.bytes(0).isEmpty)
    #expect(Set((0..<100).map { _ in SecureRandom.bytes(16) }).count == 100)
    #expect(!SecretBytes.random(count: 32).isEqual(to: SecretBytes.random(count: 32)))
    var seen = [Bool](repeating: false, count: 256)
    for byte in SecureRandom.bytes(100_000) { seen[Int(byte)] = true }
    #expect(!seen.contains(false))
  }

  @Test func comparisonSeesEveryByteAndTheLength() {
    let bytes = pattern(40)
    #expect(ConstantTime.equal(bytes, pattern(40)))
    #expect(ConstantTime.equal([], []))
    #expect(!ConstantTime.equal(bytes, pattern(39)))
    #expect(!ConstantTime.equal(pattern(39), bytes))
    for position in bytes.indices {
      var other = bytes
      other[position] ^= 0x80
      #expect(!ConstantTime.equal(bytes, other))
      #expect(!SecretBytes(copying: bytes).isEqual(to: SecretBytes(copying: other)))
    }
    #expect(SecretBytes(copying: bytes).isEqual(to: SecretBytes(copying: bytes)))
    #expect(!SecretBytes(copying: bytes).isEqual(to: SecretBytes(copying: pattern(39))))
  }
}
