import Acquisition
import CanonicalJSON
import Cryptography
import Governance
import Models
import Snapshots
import SystemOperations

/// `model.install`: fetches what the manifest lists, verifies every byte, and moves it into its place.
struct ModelInstallation: OperationExecutor {
  let acquisition: ModelAcquisition

  func examine(_ mandate: Mandate) throws { _ = try manifest(mandate) }

  func perform(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> JSONObject {
    let manifest = try manifest(mandate)
    let report: AcquisitionReport
    do {
      report = try await acquisition.acquire(
        manifest, progress: { progress(Self.json($0)) }, alert: { progress(["alert": .string($0.description)]) })
    } catch {
      throw OperationFault(code: "acquisition", detail: error.description)
    }
    var result: JSONObject = [
      "manifest": .string(manifest.digest.hex), "files": .integer(Int64(manifest.files.count)),
      "bytes": .integer(manifest.totalSizeBytes), "wasInstalled": .bool(report.wasInstalled),
    ]
    // As many as an entry of the log has room for; the first say what happened.
    let alerts = report.alerts.prefix(8).map { JSON.string(String($0.description.prefix(300))) }
    if !alerts.isEmpty {
      result["alerts"] = .array(alerts)
      result["alertCount"] = .integer(Int64(report.alerts.count))
    }
    return result
  }

  /// What arrived is kept, and going on from there is what was ordered.
  func reconcile(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> Reconciliation {
    .executed(try await perform(mandate, progress: progress))
  }

  /// The manifest, each of whose facts is what the owners read.
  private func manifest(_ mandate: Mandate) throws(OperationFault) -> ModelManifest {
    guard case .installModel(let record) = mandate.order, let bytes = mandate.attachments["manifest"] else {
      throw OperationFault(code: "order", detail: "it is no installation of a model")
    }
    do throws(FieldError) {
      let manifest = try ModelManifest(parsing: bytes)
      let facts = manifest.facts
      try Self.hold("name", record.name, facts.name)
      try Self.hold("version", record.version, facts.version)
      try Self.hold("bytes", "\(record.bytes)", "\(facts.bytes)")
      try Self.hold("files", "\(record.files)", "\(facts.files)")
      try Self.hold("licence", record.licence, facts.licence)
      if let runner = facts.runner { try Self.hold("runner", record.runner.hex, runner.hex) }
      // What the digest is of must also be how it is kept.
      try Self.hold("manifest", record.manifest.hex, manifest.digest.hex)
      return manifest
    } catch {
      throw OperationFault(code: "manifest", error)
    }
  }

  private static func hold(_ name: String, _ actual: String, _ expected: String) throws(FieldError) {
    guard actual.utf8.elementsEqual(expected.utf8) else {
      throw FieldError(
        field: "params.\(name)", expected: "\(JSON.string(expected).summary), as the manifest says",
        actual: JSON.string(actual).summary)
    }
  }

  private static func json(_ progress: AcquisitionProgress) -> JSON {
    [
      "file": .string(progress.file), "bytes": .integer(Int64(progress.bytesDone)),
      "total": .integer(Int64(progress.bytesTotal)), "bytesPerSecond": .integer(Int64(progress.bytesPerSecond)),
      "secondsLeft": progress.secondsLeft.map { .integer(Int64($0)) } ?? .null,
    ]
  }
}

/// `model.remove`: takes the weights away. A runner that serves them keeps the owners from deciding so.
struct ModelRemoval: OperationExecutor {
  let store: ModelStore

  func examine(_ mandate: Mandate) throws {
    guard case .removeModel = mandate.order else {
      throw OperationFault(code: "order", detail: "it is no removal of a model")
    }
  }

  func perform(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> JSONObject {
    guard case .removeModel(let digest) = mandate.order else { return [:] }
    let store = store
    do {
      try await OwnThread.run { () throws(ModelFault) in try store.remove(digest) }
    } catch .notInstalled {
      // A rollback took the weights away before: what was ordered is so.
    } catch {
      throw OperationFault(code: "store", detail: error.description)
    }
    return ["manifest": .string(digest.hex)]
  }

  func reconcile(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> Reconciliation {
    .executed(try await perform(mandate, progress: progress))
  }
}
