import Glibc
import HTTPServer
import Storage
import TransparencyLog

/// A witness as a process: configuration in, HTTP out, until the task is cancelled.
public enum WitnessService {
  /// Why the service does not start.
  public enum Failure: Error, CustomStringConvertible {
    /// There is a key but no record of what it cosigned. Its records may have been lost.
    case keyWithoutRecords(key: String, directory: String)
    /// There are records but no key.
    case recordsWithoutKey(key: String, directory: String)

    public var description: String {
      switch self {
      case .keyWithoutRecords(let key, let directory):
        "the key \(key) exists, but \(directory) holds no records of what it cosigned"
      case .recordsWithoutKey(let key, let directory):
        "\(directory) holds records, but the key \(key) does not exist"
      }
    }
  }

  /// What is known once the service answers requests.
  public struct Running: Sendable {
    /// What logs put into their policies.
    public let verifierKey: VerifierKey
    public let address: BoundAddress
  }

  /// Serves until the task is cancelled, then lets requests in flight finish and returns.
  ///
  /// The first start makes key and records. Later ones want both: a witness that lost its records would cosign a log that
  /// was rolled back, so it must be told expressly that this key is new here.
  ///
  /// - Parameters:
  ///   - startsFresh: Permits an existing key without records, for a key that was made elsewhere.
  ///   - onReady: Called once, when the listener is bound.
  /// - Throws: What kept it from starting, or `CheckpointWitness.Failure` when it had to stop.
  public static func run(
    configuration: WitnessConfiguration, startsFresh: Bool = false,
    onReady: @Sendable (Running) -> Void = { _ in }
  ) async throws {
    let (failures, failed) = AsyncStream.makeStream(of: CheckpointWitness.Failure.self)
    let witness = try open(configuration, startsFresh: startsFresh) { failed.yield($0) }
    let server = HTTPServer(
      configuration: HTTPServerConfiguration(listeners: [listener(configuration.endpoint)]),
      handler: witness.router(prefix: configuration.prefix))
    let addresses = try server.start()
    if let address = addresses.first { onReady(Running(verifierKey: witness.verifierKey, address: address)) }
    // Ends with the first failure, or with nil when the task is cancelled.
    var reason: CheckpointWitness.Failure?
    for await failure in failures {
      reason = failure
      break
    }
    await server.shutdown()
    await witness.close()
    if let reason { throw reason }
  }

  /// Opens key and records and makes the witness, without serving it.
  static func open(
    _ configuration: WitnessConfiguration, startsFresh: Bool,
    onFailure: @escaping @Sendable (CheckpointWitness.Failure) -> Void
  ) throws -> CheckpointWitness {
    let hasKey = WholeFile.exists(configuration.keyFile)
    let hasRecords = WholeFile.exists("\(configuration.directory)/\(WitnessDatabase.fileName)")
    guard hasRecords || !hasKey || startsFresh else {
      throw Failure.keyWithoutRecords(key: configuration.keyFile, directory: configuration.directory)
    }
    let records = try WitnessDatabase(directory: configuration.directory, creating: !hasRecords)
    // Records come first: a crash between the two leaves empty records, which a new key may begin with.
    if !hasKey, hasRecords, try !records.load().isEmpty {
      throw Failure.recordsWithoutKey(key: configuration.keyFile, directory: configuration.directory)
    }
    let key = try hasKey ? WitnessKeyFile.read(configuration.keyFile) : WitnessKeyFile.create(configuration.keyFile)
    let cosigner = try Cosigner(name: configuration.name, key: key)
    return try CheckpointWitness(
      cosigner: cosigner, logs: configuration.logs, records: records,
      now: { UInt64(clamping: time(nil)) }, onFailure: onFailure)
  }

  private static func listener(_ endpoint: WitnessConfiguration.Endpoint) -> HTTPServerConfiguration.Listener {
    switch endpoint {
    case .tcp(let address, let port): .tcp(address: address, port: port)
    case .unix(let path): .unix(path: path, mode: 0o660)
    }
  }
}
