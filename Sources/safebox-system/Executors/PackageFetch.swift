import Acquisition
import CanonicalJSON
import Cryptography
import Glibc
import HTTPClient
import Packages
import Snapshots
import Synchronization
import SystemOperations

/// Brings the files of a package manifest into a private directory. Whoever installs them hashes them again, so this decides
/// nothing; it saves fetching what is wrong anyway.
struct PackageFetch: Sendable {
  let client: HTTPClient
  let settings: AcquisitionConfiguration
  /// Exists, and only root may write to it.
  let directory: String

  private static let deadline = Duration.seconds(3600)

  /// Fetches every package, from its sources in order, and returns the directory.
  func fetch(
    _ manifest: PackageManifest, progress: @escaping @Sendable (JSON) -> Void
  ) async throws -> String {
    let place = place(manifest)
    guard mkdir(place, 0o700) == 0 || errno == EEXIST else {
      throw OperationFault(code: "packages.directory", detail: "\(place): \(String(cString: strerror(errno)))")
    }
    for (index, package) in manifest.packages.enumerated() {
      progress([
        "step": "fetch", "package": .string(package.name), "done": .integer(Int64(index)),
        "total": .integer(Int64(manifest.packages.count)),
      ])
      try await fetch(package, to: "\(place)/\(package.file)")
    }
    return place
  }

  /// Removes what was fetched.
  func discard(_ manifest: PackageManifest) {
    let place = place(manifest)
    for package in manifest.packages { unlink("\(place)/\(package.file)") }
    rmdir(place)
  }

  private func place(_ manifest: PackageManifest) -> String { "\(directory)/\(manifest.digest.hex)" }

  private func fetch(_ package: PackageFile, to path: String) async throws {
    var reasons: [String] = []
    for source in package.sources {
      do {
        let sink = try FileSink(path, limit: package.size)
        if source.hasPrefix("file://") {
          try local(String(source.dropFirst(7)), into: sink)
        } else {
          let response = try await client.stream(
            HTTPClientRequest(
              url: source, deadline: Self.deadline, maxResponseBytes: Int(package.size),
              followRedirects: settings.limits.redirects),
            policy: EgressPolicy(
              publicPorts: .any, permitsPlainHTTP: settings.permitsPlainHTTP, allowances: settings.allowances),
            into: HTTPClientSink(bytes: { try sink.write($0) }))
          guard response.status == 200 else {
            throw OperationFault(code: "packages.source", detail: "it answered \(response.status)")
          }
        }
        let digest = try sink.finish()
        guard digest == package.sha256 else {
          throw OperationFault(code: "packages.source", detail: "expected \(package.sha256), found \(digest)")
        }
        return
      } catch {
        reasons.append("\(source): \(error)")
      }
    }
    unlink(path)
    throw OperationFault(
      code: "packages.source",
      detail: "no source gave \(package.file): \(reasons.isEmpty ? "it has none" : reasons.joined(separator: "; "))")
  }

  /// A file of this machine, below a directory that the operator named, reached without a link.
  private func local(_ path: String, into sink: FileSink) throws {
    let isAllowed = settings.localRoots.contains { root in
      path.hasPrefix(root.hasSuffix("/") ? root : root + "/")
    }
    guard isAllowed, !path.split(separator: "/", omittingEmptySubsequences: false).contains("..") else {
      throw OperationFault(code: "packages.source", detail: "it is below no directory that the operator allows")
    }
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard file >= 0 else { throw OperationFault(code: "packages.source", detail: String(cString: strerror(errno))) }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = read(file, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw OperationFault(code: "packages.source", detail: String(cString: strerror(errno))) }
      if count == 0 { return }
      try buffer[..<count].withUnsafeBytes { try sink.write($0) }
    }
  }
}

/// A file that is written from its beginning, hashed as it grows, and never longer than it ought to be.
private final class FileSink: Sendable {
  private struct State {
    var hash = SHA256()
    var bytes: Int64 = 0
  }

  private let descriptor: Int32
  private let limit: Int64
  private let state = Mutex(State())

  init(_ path: String, limit: Int64) throws(OperationFault) {
    self.limit = limit
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw OperationFault(code: "packages.directory", detail: "\(path): \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  func write(_ bytes: UnsafeRawBufferPointer) throws(OperationFault) {
    try state.withLock { (state) throws(OperationFault) in
      guard state.bytes + Int64(bytes.count) <= limit else {
        throw OperationFault(code: "packages.source", detail: "it is longer than the \(limit) bytes that were approved")
      }
      var done = 0
      while done < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else {
          throw OperationFault(code: "packages.directory", detail: String(cString: strerror(errno)))
        }
        done += count
      }
      state.hash.update(bytes)
      state.bytes += Int64(bytes.count)
    }
  }

  func finish() throws(OperationFault) -> SHA256Digest {
    try state.withLock { (state) throws(OperationFault) in
      guard state.bytes == limit else {
        throw OperationFault(code: "packages.source", detail: "it has \(state.bytes) bytes, \(limit) were approved")
      }
      return state.hash.finalize()
    }
  }
}
