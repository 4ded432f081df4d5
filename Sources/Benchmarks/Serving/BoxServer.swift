import BoxService
import CanonicalJSON
import Cryptography
import OpenClaims

/// A real box on a directory of its own, as `safebox serve` runs it. Tools are registered without asking anybody;
/// whatever a tool wants to send waits for a person who never comes. Prints its address and a client's token; ends when
/// killed.
enum BoxServer {
  private static let origin = "box.example/benchmark"

  static func run(directory path: String) async throws {
    let directory = DataDirectory(path: "\(path)/box")
    let key = P256.PrivateKey.generate()
    let claimKey = ClaimKey(key.publicKey)
    let claim = try Claim.possession(box: origin, signer: "ana", key: claimKey).signed(by: ClaimSigner(key))
    guard case .some(.some(let proof)) = claim.signatures.first else {
      throw BenchmarkFailure.wrongResult("an unsigned possession proof")
    }
    let signer = SignerFile(
      box: origin, signer: "ana", keys: [["key": .string(claimKey.text), "possession": .string(proof)]])
    _ = try await BoxInitializer(
      directory: directory, origin: origin, constitution: constitution, signers: [signer.json],
      configuration: BoxConfiguration(
        listen: .tcp(address: "127.0.0.1", port: 0), admin: .tcp(address: "127.0.0.1", port: 0)),
      witnessPolicy: nil
    ).run(
      at: Stopwatch.unixMilliseconds,
      keys: DataDirectory.Keys(ed25519: .generate(), es256: .generate()))
    var clients = APIClients()
    let (client, token) = APIClient.make(
      name: "bench", scopes: Set(Scope.allCases), secret: SecureRandom.bytes(32))
    try clients.add(client)
    try directory.write(clients)
    let box = try await Box(
      directory: directory,
      environment: .init(clock: { Stopwatch.unixMilliseconds }, report: { OutputLine.write($0, to: 2) }))
    guard let address = try await box.start().api.first else { throw BenchmarkFailure.io("the box listens nowhere") }
    OutputLine.write("\(address) \(token)")
    while !Task.isCancelled { try await Task.sleep(for: .seconds(3600)) }
  }

  private static let constitution: JSON = [
    "committees": ["owners": ["ana"]],
    "policies": [
      "tools": ["covers": ["tool.*", "community.*"], "rule": ["rule": "automatic", "checks": []]],
      "sends": ["covers": ["http.request"], "rule": ["rule": "single", "committee": "owners"]],
      "governance": ["covers": ["governance.*", "box.*"], "rule": ["rule": "single", "committee": "owners"]],
    ],
    "root": ["committee": "owners", "threshold": 1, "delay": 7200],
  ]
}
