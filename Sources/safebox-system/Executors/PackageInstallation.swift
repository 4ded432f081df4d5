import CanonicalJSON
import Cryptography
import Governance
import Packages
import Snapshots
import SystemOperations

/// `package.install`: fetches Debian packages, verifies them, and installs them as a whole with the network closed.
struct PackageInstallation: OperationExecutor {
  let installer: PackageInstaller
  let fetch: PackageFetch
  let clock: @Sendable () -> Int64

  func examine(_ mandate: Mandate) throws { _ = try manifest(mandate) }

  func perform(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> JSONObject {
    let manifest = try manifest(mandate)
    let directory = try await fetch.fetch(manifest, progress: progress)
    defer { fetch.discard(manifest) }
    progress(["step": "install"])
    let (installer, at, label) = (installer, clock(), try ScopeSnapshots.label(before: mandate))
    do {
      let report = try await OwnThread.run { () throws(PackageFault) in
        try installer.install(manifest, from: directory, snapshot: label, at: at)
      }
      return Self.result(report)
    } catch {
      throw OperationFault(code: "packages", detail: "\(error)")
    }
  }

  func reconcile(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> Reconciliation {
    let manifest = try manifest(mandate)
    let (installer, label) = (installer, try ScopeSnapshots.label(before: mandate))
    let state = try await OwnThread.run { () throws(PackageFault) in
      try installer.reconcile(manifest, snapshot: label)
    }
    switch state {
    case .installed:
      return .executed(["manifest": .string(manifest.digest.hex), "packages": .integer(Int64(manifest.packages.count))])
    case .rolledBack(let evidence):
      return .failed(
        OperationFault(
          code: "interrupted", detail: "it was interrupted and rolled back: \(evidence.json.canonicalString())"))
    case .notBegun:
      return .failed(OperationFault(code: "interrupted", detail: "it was interrupted before anything was touched"))
    }
  }

  /// At most this many packages stand in the result by name; the manifest has them all.
  private static let shown = 32

  private static func result(_ report: PackageReport) -> JSONObject {
    [
      "manifest": .string(report.manifest.hex), "snapshot": .string(report.snapshot.text),
      "before": .string(report.before.hex), "after": .string(report.after.hex),
      "packages": .integer(Int64(report.installed.count)),
      "installed": .array(report.installed.prefix(shown).map { .string("\($0.name)=\($0.version)") }),
    ]
  }

  private func manifest(_ mandate: Mandate) throws(OperationFault) -> PackageManifest {
    guard case .installPackages(let record) = mandate.order, let bytes = mandate.attachments["manifest"] else {
      throw OperationFault(code: "order", detail: "it is no installation of packages")
    }
    do throws(FieldError) {
      let manifest = try PackageManifest(parsing: bytes)
      for (name, actual, expected) in [
        ("name", record.name, manifest.name), ("packages", "\(record.packages)", "\(manifest.packages.count)"),
        ("bytes", "\(record.bytes)", "\(manifest.totalBytes)"),
        ("manifest", record.manifest.hex, manifest.digest.hex),
      ] where !actual.utf8.elementsEqual(expected.utf8) {
        throw FieldError(
          field: "params.\(name)", expected: "\(JSON.string(expected).summary), as the manifest says",
          actual: JSON.string(actual).summary)
      }
      return manifest
    } catch {
      throw OperationFault(code: "manifest", error)
    }
  }
}
