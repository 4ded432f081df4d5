import CanonicalJSON
import Cryptography
import Foundation
import Packages
import Snapshots
import Synchronization
import TestSupport
import Testing

/// A small real Debian with a keeper of its snapshots, a directory for packages, and a private one for verified copies.
final class RootPlace: Sendable {
  struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  static let archive = Vectors.packageRoot + "/.build/package-root.tar"
  /// Real packages and what apt says of them.
  static let debs = Vectors.packageRoot + "/.build/package-debs"

  /// Makes the archive, once, if it is not there.
  static let isAvailable: Bool = {
    guard geteuid() == 0 else { return false }
    let script = Vectors.packageRoot + "/scripts/package-root"
    return (try? Subprocess.run("/bin/bash", [script]).status) == 0
  }()
  static let absence: Comment =
    "needs root, mmdebstrap and a Debian mirror to make a root with: scripts/package-root says what is missing"

  let directory: TemporaryDirectory
  var root: String { directory.file("root") }
  var files: String { directory.file("files") }
  var staging: String { directory.file("staging") }
  let keeper: SnapshotKeeper

  init() throws {
    directory = try TemporaryDirectory()
    for name in ["root", "files", "staging", "log"] {
      try FileManager.default.createDirectory(atPath: directory.file(name), withIntermediateDirectories: true)
    }
    try Self.run("/bin/tar", ["--numeric-owner", "--xattrs", "-xpf", Self.archive, "-C", directory.file("root")])
    keeper = try SnapshotKeeper(
      DirectorySnapshots(scope: directory.file("root"), store: directory.file("snapshots")),
      index: directory.file("index.json"), log: directory.file("log"))
  }

  func installer(seconds: Int = 120) -> PackageInstaller {
    PackageInstaller(keeper: keeper, staging: staging, seconds: seconds)
  }

  /// Builds a package into the directory of files and gives its line of a manifest.
  ///
  /// - Parameters:
  ///   - control: further lines of the control file.
  ///   - scripts: maintainer scripts by their names.
  ///   - contents: files by their paths.
  @discardableResult
  func build(
    _ name: String, _ version: String = "1.0", control: String = "", scripts: [String: String] = [:],
    contents: [String: String] = [:], architecture: String = "all"
  ) throws -> PackageFile {
    let tree = directory.file("build-" + UUID().uuidString)
    defer { try? FileManager.default.removeItem(atPath: tree) }
    try FileManager.default.createDirectory(atPath: tree + "/DEBIAN", withIntermediateDirectories: true)
    let head = """
      Package: \(name)
      Version: \(version)
      Architecture: \(architecture)
      Maintainer: Nobody <nobody@example.org>
      Description: made for a test

      """
    try (head + (control.isEmpty ? "" : control + "\n")).write(
      toFile: tree + "/DEBIAN/control", atomically: false, encoding: .utf8)
    for (script, text) in scripts {
      try ("#!/bin/sh\n" + text + "\n").write(
        toFile: tree + "/DEBIAN/" + script, atomically: false, encoding: .utf8)
      chmod(tree + "/DEBIAN/" + script, 0o755)
    }
    for (path, text) in contents {
      let file = tree + "/" + path
      try FileManager.default.createDirectory(
        atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try text.write(toFile: file, atomically: false, encoding: .utf8)
    }
    let escaped = version.replacingOccurrences(of: ":", with: "%3a")
    let deb = files + "/\(name)_\(escaped)_\(architecture).deb"
    try Self.run("/usr/bin/dpkg-deb", ["--root-owner-group", "-Znone", "--build", tree, deb])
    return try Self.package(at: deb, name, version, architecture)
  }

  /// The line of a manifest for a file as it is.
  static func package(
    at path: String, _ name: String, _ version: String, _ architecture: String
  ) throws -> PackageFile {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    guard let version = DebianVersion(version) else { throw Failed(description: "no version: \(version)") }
    return try PackageFile(
      name: name, version: version, architecture: architecture, size: Int64(bytes.count), sha256: SHA256.hash(bytes),
      sources: ["https://mirror.example/" + name])
  }

  func manifest(_ packages: PackageFile..., downgrades: [String] = []) throws -> PackageManifest {
    try PackageManifest(
      name: "test", architecture: Self.architecture, packages: packages.sorted { $0.name < $1.name },
      downgrades: downgrades)
  }

  static let architecture: String = {
    let output = (try? Subprocess.run("/usr/bin/dpkg", ["--print-architecture"]).output) ?? []
    return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }()

  func digest() throws -> SHA256Digest { try TreeDigest(of: root).digest }

  /// What dpkg itself says of a package in the root.
  func status(_ name: String) throws -> String {
    let result = try Subprocess.run(
      "/usr/bin/dpkg-query", ["--admindir=\(root)/var/lib/dpkg", "-W", "-f", "${Status} ${Version}", name])
    return String(decoding: result.output, as: UTF8.self)
  }

  func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: root + "/" + path) }

  func text(_ path: String) throws -> String { try String(contentsOfFile: root + "/" + path, encoding: .utf8) }

  static func run(_ program: String, _ arguments: [String]) throws {
    let result = try Subprocess.run(program, arguments)
    guard result.status == 0 else { throw Failed(description: "\(program) \(arguments): \(result.errors)") }
  }
}

extension SnapshotLabel: ExpressibleByStringLiteral {
  public init(stringLiteral text: String) {
    do { self = try SnapshotLabel(text) } catch { preconditionFailure("\(error)") }
  }
}
