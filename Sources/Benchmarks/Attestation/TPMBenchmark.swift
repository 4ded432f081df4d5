import Attestation
import Cryptography
import TrustedPlatform

/// What the box asks of its TPM, one operation after another, each over a connection of its own: quotes, extensions, a
/// counter, sealed secrets. On a software TPM these are times of the stack and of that program; hardware takes longer.
enum TPMBenchmark {
  static func run(_ options: BenchmarkCommand.Options) async throws -> [Measurement] {
    let device = try TPMDevice(tcti: options.tpm)
    let (count, nonce) = (options.count, SHA256.hash(utf8: "the verifier's nonce").bytes)
    var measurements: [Measurement] = []
    for (kind, name) in [(AttestationKey.Kind.p256, "p256"), (.rsa2048, "rsa")] {
      // Making the key is no part of a quote.
      _ = try await device.attestationKey(kind)
      measurements.append(
        try await timed("tpm-quote-\(name)", count) {
          let quote = try await device.quote(by: kind, extraData: nonce, registers: Set(0..<16))
          guard quote.quote.extraData == nonce else { throw BenchmarkFailure.wrongResult("a quote of another nonce") }
        })
    }
    measurements.append(
      try await timed("tpm-extend", count) { try await device.extend(14, with: SHA256.hash(nonce).bytes) })
    var last = try await device.define()
    measurements.append(
      try await timed("tpm-counter", count) {
        let value = try await device.increment()
        guard value == last + 1 else { throw BenchmarkFailure.wrongResult("a counter that does not count") }
        last = value
      })
    let secret = SecretBytes(copying: [UInt8](repeating: 0x5E, count: 32))
    let policy = PCRPolicy(try await device.readPCRs(Set(0..<8)))
    let sealed = try await device.seal(secret, to: policy)
    measurements.append(try await timed("tpm-seal", count) { _ = try await device.seal(secret, to: policy) })
    measurements.append(
      try await timed("tpm-unseal", count) {
        let opened = try await device.unseal(sealed)
        guard opened.count == secret.count else { throw BenchmarkFailure.wrongResult("another secret") }
      })
    return measurements
  }

  private static func timed(
    _ name: String, _ count: Int, _ operation: () async throws -> Void
  ) async throws -> Measurement {
    for _ in 0..<5 { try await operation() }
    var latencies = Latencies()
    for _ in 0..<count {
      let start = Stopwatch.nanoseconds
      try await operation()
      latencies.add(Stopwatch.nanoseconds - start)
    }
    return .latency("\(name)/safebox", latencies)
  }
}
