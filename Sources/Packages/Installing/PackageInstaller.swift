import CanonicalJSON
import Cryptography
import Snapshots

/// Installs the packages of an approved manifest into a root, as a whole or not at all.
///
/// In this order: the files are copied to a private directory and hashed; what each says of itself is held against the
/// manifest; the dependencies of everything that would then be installed are held against each other; a snapshot is
/// taken and digested; dpkg unpacks and configures; what is installed is held against the manifest. Until the snapshot the
/// root is only read. After it, any failure restores it.
///
/// dpkg and the packages' scripts run without a network (one interface, `lo`, which is down), without this machine's files
/// but its programs, and with no capabilities but those for owners, permissions and chroot; see `linux_room`. Needs root.
/// Every method blocks; call it on a thread of your own (`OwnThread`).
public struct PackageInstaller: Sendable {
  private let root: PackageRoot
  private let keeper: SnapshotKeeper
  private let staging: String
  private let seconds: Int

  /// - Parameters:
  ///   - keeper: keeps the snapshots of the root, which is its scope.
  ///   - staging: a directory that only root can write to and that is outside the root, for verified packages.
  ///   - seconds: how long dpkg may take for all packages.
  public init(keeper: SnapshotKeeper, staging: String, seconds: Int = 600) {
    root = PackageRoot(path: keeper.scope)
    self.keeper = keeper
    self.staging = staging
    self.seconds = seconds
  }

  /// Verifies everything that can be verified without touching the root.
  ///
  /// - Parameter directory: where the packages' files lie, under ``PackageFile/file``.
  public func check(_ manifest: PackageManifest, from directory: String) throws(PackageFault) {
    _ = try prepare(manifest, from: directory)
  }

  /// Installs the packages.
  ///
  /// - Parameters:
  ///   - directory: where the packages' files lie, under ``PackageFile/file``; need not be trusted.
  ///   - snapshot: the name of the snapshot before. It stays afterwards, so that the owners can go back.
  ///   - at: Unix milliseconds, for the snapshot's record.
  /// - Throws: ``PackageFault/rolledBack(reason:evidence:)`` when it had begun and failed; other faults before that.
  public func install(
    _ manifest: PackageManifest, from directory: String, snapshot: SnapshotLabel, at: Int64
  ) throws(PackageFault) -> PackageReport {
    let lock = try root.lock()
    let prepared = try prepare(manifest, from: directory)
    let before: SnapshotRecord
    do throws(SnapshotFault) { before = try keeper.before(snapshot, at: at) } catch { throw .snapshot(error) }
    do throws(InstallFailure) {
      try run(prepared, manifest)
      try hold(manifest, against: prepared.installed)
      let after: TreeDigest
      do throws(SnapshotFault) { after = try keeper.digest() } catch { throw .undigested(error) }
      withExtendedLifetime(lock) {}
      return PackageReport(
        manifest: manifest.digest, snapshot: snapshot, before: before.digest, after: after.digest,
        installed: manifest.packages.map {
          .init(name: $0.name, version: $0.version.text, architecture: $0.architecture)
        })
    } catch {
      throw undo(snapshot, because: error)
    }
  }

  /// After a crash: makes the root what it was, unless everything of the manifest is installed or nothing had begun.
  public func reconcile(
    _ manifest: PackageManifest, snapshot: SnapshotLabel
  ) throws(PackageFault) -> InstallState {
    let records: [SnapshotRecord]
    do throws(SnapshotFault) { records = try keeper.list() } catch { throw .snapshot(error) }
    // dpkg starts only after the snapshot is in the index.
    guard records.contains(where: { $0.label == snapshot }) else { return .notBegun }
    if let installed = try? root.installed(), installed.unclean.isEmpty,
      manifest.packages.allSatisfy({ installed.versions["\($0.name):\($0.architecture)"] == $0.version.text })
    {
      return .installed
    }
    let undone = undo(snapshot, because: .interrupted)
    guard case .rolledBack(_, let evidence) = undone else { throw undone }
    return .rolledBack(evidence)
  }

  // MARK: before

  private struct Prepared {
    let staging: PackageStaging
    let plan: InstallPlan
    let files: [String: String]
    let installed: InstalledPackages
  }

  private func prepare(_ manifest: PackageManifest, from directory: String) throws(PackageFault) -> Prepared {
    let installed = try root.installed()
    guard installed.unclean.isEmpty else { throw .unclean(Array(installed.unclean.prefix(PackageFault.named))) }
    // dpkg itself is of the root's architecture, where it is there.
    if let own = installed.packages.first(where: { $0.architecture != "all" })?.architecture,
      own != manifest.architecture
    {
      throw .wrongArchitecture(expected: own, actual: manifest.architecture)
    }
    let staging = try PackageStaging(manifest, from: directory, in: staging)
    let reader = ProgramRunner(
      seconds: 60, room: .init(target: root.path, files: staging.path, isReadOnly: true))
    var facts: [PackageFacts] = []
    for package in manifest.packages { facts.append(try control(of: package, reader)) }
    let plan = try InstallPlan(
      installing: facts, over: installed.packages, downgrades: Set(manifest.downgrades))
    let files = Dictionary(uniqueKeysWithValues: manifest.packages.map { ($0.name, $0.file) })
    return Prepared(staging: staging, plan: plan, files: files, installed: installed)
  }

  /// What a verified file says of itself, which must be what the manifest says of it.
  private func control(of package: PackageFile, _ reader: ProgramRunner) throws(PackageFault) -> PackageFacts {
    let facts: PackageFacts
    let result: CommandResult
    do throws(SnapshotFault) {
      result = try reader.run("/usr/bin/dpkg-deb", ["--field", "/files/\(package.file)"])
    } catch {
      throw .unreadable(file: package.file, reason: "\(error)")
    }
    guard result.status == 0 else {
      throw .unreadable(file: package.file, reason: String(result.output.suffix(500)))
    }
    do throws(FieldError) {
      facts = try PackageFacts(ControlParagraph(parsing: result.output[...], path: package.file), path: package.file)
    } catch {
      throw .unreadable(file: package.file, reason: "\(error)")
    }
    func hold(_ field: String, _ expected: String, _ actual: String) throws(PackageFault) {
      guard expected == actual else {
        throw .wrongControl(file: package.file, field: field, expected: expected, actual: actual)
      }
    }
    try hold("Package", package.name, facts.name)
    try hold("Version", package.version.text, facts.version.text)
    try hold("Architecture", package.architecture, facts.architecture)
    return facts
  }

  // MARK: the installation

  private func run(_ prepared: Prepared, _ manifest: PackageManifest) throws(InstallFailure) {
    let started = ContinuousClock.now
    for batch in prepared.plan.batches {
      let files = batch.compactMap { prepared.files[$0.name] }.map { "/files/\($0)" }
      let left = seconds - Int(started.duration(to: .now).components.seconds)
      let dpkg = ProgramRunner(
        seconds: max(1, left),
        // The front end's lock is held here.
        environment: ["DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true", "DPKG_FRONTEND_LOCKED=1"],
        room: .init(target: root.path, files: prepared.staging.path, isReadOnly: false))
      var options = ["--root=/target", "--abort-after=1", "--no-debsig", "--force-confdef", "--force-confold"]
      if manifest.downgrades.isEmpty { options.append("--refuse-downgrade") }
      let result: CommandResult
      do throws(SnapshotFault) { result = try dpkg.run("/usr/bin/dpkg", options + ["--install"] + files) } catch {
        throw .notStarted(error)
      }
      let output = String(result.output.suffix(2000))
      guard !result.isTimedOut else { throw .timedOut(seconds: seconds, output: output) }
      guard result.status == 0 else { throw .dpkg(status: result.status, output: output) }
    }
  }

  /// Exactly what the manifest says has changed, and all of it is whole.
  func hold(_ manifest: PackageManifest, against before: InstalledPackages) throws(InstallFailure) {
    let after: InstalledPackages
    do throws(PackageFault) { after = try root.installed() } catch { throw .wrongResult(["\(error)"]) }
    var problems = after.unclean
    var expected = before.versions
    for package in manifest.packages {
      // A package that becomes independent of the architecture, or dependent, is still the one package.
      expected["\(package.name):all"] = nil
      expected["\(package.name):\(manifest.architecture)"] = nil
      expected["\(package.name):\(package.architecture)"] = package.version.text
    }
    let actual = after.versions
    for key in Set(expected.keys).union(actual.keys).sorted() where expected[key] != actual[key] {
      problems.append("\(key) is \(actual[key] ?? "absent") instead of \(expected[key] ?? "absent")")
    }
    guard problems.isEmpty else { throw .wrongResult(Array(problems.prefix(PackageFault.named))) }
  }

  private func undo(_ snapshot: SnapshotLabel, because reason: InstallFailure) -> PackageFault {
    do throws(SnapshotFault) {
      // Half installed is worse than taken away under somebody's feet.
      return .rolledBack(reason: reason, evidence: try keeper.rollback(snapshot, inUse: .restoreAnyway))
    } catch {
      return .broken(reason: reason, rollback: error)
    }
  }

}
