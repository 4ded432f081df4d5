import Cryptography
import Glibc

/// A private directory into which packages are copied while they are hashed: what dpkg reads is what was verified, whoever
/// can write where the packages came from. Removed with the last reference.
final class PackageStaging: Sendable {
  /// Mode 0700, a fresh name below `parent`.
  let path: String
  private let descriptor: Int32
  private let names: [String]

  /// Copies and verifies all files of the manifest.
  ///
  /// - Parameters:
  ///   - directory: where the files lie, by their names; anybody's.
  ///   - parent: where the private directory is made; nobody else may write there.
  init(_ manifest: PackageManifest, from directory: String, in parent: String) throws(PackageFault) {
    var template = Array("\(parent)/packages-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw .last("mkdtemp", parent, errno) }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    names = manifest.packages.map(\.file)
    guard descriptor >= 0 else { throw .last("open", path, errno) }
    let source = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard source >= 0 else { throw .last("open", directory, errno) }
    defer { close(source) }
    for package in manifest.packages { try Self.copy(package, from: source, to: descriptor) }
  }

  deinit {
    for name in names { unlinkat(descriptor, name, 0) }
    close(descriptor)
    rmdir(path)
  }

  private static func copy(_ package: PackageFile, from source: Int32, to target: Int32) throws(PackageFault) {
    let name = package.file
    // Neither a link nor something that blocks: the directory is not trusted.
    let input = openat(source, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    guard input >= 0 else {
      throw errno == ENOENT || errno == ELOOP ? .missingFile(name) : .last("openat", name, errno)
    }
    defer { close(input) }
    var status = stat()
    guard fstat(input, &status) == 0 else { throw .last("fstat", name, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .missingFile(name) }
    guard Int64(status.st_size) == package.size else {
      throw .wrongSize(file: name, expected: package.size, actual: Int64(status.st_size))
    }
    let output = openat(target, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o400)
    guard output >= 0 else { throw .last("openat", name, errno) }
    defer { close(output) }
    var hasher = SHA256()
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    var size: Int64 = 0
    while true {
      let count = read(input, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw .last("read", name, errno)
      }
      if count == 0 { break }
      size += Int64(count)
      guard size <= package.size else { throw .wrongSize(file: name, expected: package.size, actual: size) }
      // Hashed is what is written, not what could be read a second time.
      hasher.update(buffer[..<count])
      var done = 0
      while done < count {
        let written = buffer.withUnsafeBytes { write(output, $0.baseAddress?.advanced(by: done), count - done) }
        guard written > 0 else { throw .last("write", name, errno) }
        done += written
      }
    }
    guard size == package.size else { throw .wrongSize(file: name, expected: package.size, actual: size) }
    let digest = hasher.finalize()
    guard digest == package.sha256 else {
      throw .wrongDigest(file: name, expected: package.sha256, actual: digest)
    }
  }
}
