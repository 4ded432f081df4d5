import Attestation
import CanonicalJSON
import Cryptography
import Glibc
import Storage

/// Evidence of each kind from its bytes to a verdict, on one core: read, verified, appraised. Beside it the signatures alone.
///
/// What was verified is left in the directory for the peers: `cases.json` for the page, `tpm-*` for tpm2_checkquote, `tdx-*` for dcap-qvl.
enum VerificationBenchmark {
  static func run(_ options: BenchmarkCommand.Options) throws -> [Measurement] {
    let samples = try AttestationSample.all()
    try PeerEvidence.write(samples, to: options.directory)
    let floor = try SignatureFloor()
    return try samples.flatMap { sample in
      let operations = sample.signatures.sorted { $0.key.rawValue < $1.key.rawValue }
        .flatMap { [SignatureFloor.Operation](repeating: $0.key, count: $0.value) }
      return [
        try verification(sample, seconds: options.seconds),
        try repeated("attest-\(sample.name)/signatures", seconds: options.seconds, details: counts(sample)) {
          try floor.verify(operations)
        },
      ]
    }
  }

  private static func verification(_ sample: AttestationSample, seconds: Double) throws -> Measurement {
    let bytes = sample.evidence.json.canonicalBytes()
    let policy = try AppraisalPolicy(json: sample.policy)
    func verdict(_ nonce: [UInt8]) throws -> AttestationReport {
      try Evidence(reading: RawEvidence(bytes: bytes)).appraised(by: policy, binding: .bytes(nonce), at: sample.at)
    }
    let other = try verdict(SHA256.hash(AttestationSample.nonce).bytes)
    guard other.verdict == .rejected else {
      throw BenchmarkFailure.wrongResult("\(sample.name): another nonce is accepted")
    }
    var details = counts(sample)
    details["evidence_bytes"] = .integer(Int64(bytes.count))
    details["checks"] = .integer(Int64(other.checks.count))
    return try repeated("attest-\(sample.name)/safebox", seconds: seconds, details: details) {
      let report = try verdict(AttestationSample.nonce)
      guard report.verdict == .accepted else {
        let failures = report.failures.map(\.id.name).joined(separator: ", ")
        throw BenchmarkFailure.wrongResult("\(sample.name): good evidence is rejected for \(failures)")
      }
    }
  }

  private static func counts(_ sample: AttestationSample) -> JSONObject {
    ["signatures": .object(JSONObject(sample.signatures.map { ($0.key.rawValue, .integer(Int64($0.value))) }))]
  }

  private static func repeated(
    _ id: String, seconds: Double, details: JSONObject, _ operation: () throws -> Void
  ) throws -> Measurement {
    let warm = Stopwatch()
    while warm.seconds < seconds * Writers.warmUp { try operation() }
    var (count, latencies) = (0, Latencies())
    let watch = Stopwatch()
    while watch.seconds < seconds {
      let start = Stopwatch.nanoseconds
      try operation()
      latencies.add(Stopwatch.nanoseconds - start)
      count += 1
    }
    return .rate(id, Double(count), watch, per: .cpu, latencies: latencies, details: details)
  }
}
