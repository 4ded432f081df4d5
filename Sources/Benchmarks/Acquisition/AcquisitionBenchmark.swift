import Acquisition
import CanonicalJSON
import HTTPClient
import Models
import Storage

/// A model from a server on loopback to its place in the store: fetched, hashed, durable, installed. Once for each run.
enum AcquisitionBenchmark {
  static func run(_ options: BenchmarkCommand.Options) async throws -> Measurement {
    guard let bytes = try WholeFile.read(options.manifest, limit: ModelManifest.maxBytes) else {
      throw BenchmarkFailure.io("\(options.manifest) is missing")
    }
    let manifest = try ModelManifest(parsing: bytes)
    var configuration = AcquisitionConfiguration()
    let server = try HTTPURL(options.model)
    configuration.allowances = [.host(server.host, port: server.port)]
    let acquisition = ModelAcquisition(
      store: ModelStore(root: options.directory), client: HTTPClient(), configuration: configuration)
    let watch = Stopwatch()
    let report = try await acquisition.acquire(manifest)
    let measurement = Measurement.rate(
      "acquire-\(manifest.files.count)/safebox", Double(manifest.totalSizeBytes) / 1e6, watch)
    guard !report.wasInstalled, report.alerts.isEmpty, report.files.allSatisfy({ $0.resumedBytes == 0 }) else {
      throw BenchmarkFailure.wrongResult("the model was not fetched whole")
    }
    return measurement
  }
}
