import CLinux
import CanonicalJSON
import Glibc

/// The root into which packages are installed, by dpkg's own files in it.
struct PackageRoot: Sendable {
  static let database = "var/lib/dpkg"
  let path: String

  /// What dpkg's status file says, without asking dpkg: no link in the way to it is followed.
  func installed() throws(PackageFault) -> InstalledPackages {
    let text = try read("\(Self.database)/status", limit: InstalledPackages.limit)
    do throws(FieldError) { return try InstalledPackages(parsing: text) } catch {
      throw .noDatabase(reason: "\(error)")
    }
  }

  /// Takes the lock of dpkg's front ends, as apt does, if the root has that file; released when the value goes.
  /// dpkg's own is only tried: dpkg takes it itself.
  func lock() throws(PackageFault) -> Lock {
    _ = try Lock(self, "\(Self.database)/lock")
    return try Lock(self, "\(Self.database)/lock-frontend")
  }

  final class Lock: Sendable {
    private let file: Int32

    init(_ root: PackageRoot, _ name: String) throws(PackageFault) {
      file = try root.open(name, O_RDWR)
      // Absent: nobody holds it. It is not made, because nothing is touched before the snapshot.
      guard file >= 0 else { return }
      let result = linux_lock_file(file)
      guard result == 0 else {
        close(file)
        throw result == -EAGAIN || result == -EACCES
          ? .locked(name) : .system(call: "fcntl", subject: name, errno: -result)
      }
    }

    deinit {
      guard file >= 0 else { return }
      // Closing is not enough: a process that another thread is forking holds the open file until it executes its program.
      _ = linux_unlock_file(file)
      close(file)
    }
  }

  /// -1 when there is nothing of this name.
  private func open(_ name: String, _ flags: Int32) throws(PackageFault) -> Int32 {
    let root = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard root >= 0 else { throw .last("open", path, errno) }
    defer { close(root) }
    let file = linux_open_beneath(root, name)
    if file == -ENOENT { return -1 }
    guard file >= 0 else { throw .system(call: "openat2", subject: name, errno: -file) }
    guard flags == O_RDWR else { return file }
    // A lock for writing needs a descriptor for writing; the file is the one that was found beneath the root.
    defer { close(file) }
    let writable = Glibc.open("/proc/self/fd/\(file)", O_RDWR | O_CLOEXEC)
    guard writable >= 0 else { throw .last("open", name, errno) }
    return writable
  }

  private func read(_ name: String, limit: Int) throws(PackageFault) -> String {
    let file = try open(name, O_RDONLY)
    guard file >= 0 else { throw .noDatabase(reason: "\(name) is not there") }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(file, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw .last("read", name, errno)
      }
      if count == 0 { break }
      bytes += buffer[..<count]
      guard bytes.count <= limit else { throw .noDatabase(reason: "\(name) has over \(limit) bytes") }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
