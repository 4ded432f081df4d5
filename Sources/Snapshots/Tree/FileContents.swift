import CLinux
import Cryptography
import Dispatch
import Glibc
import Synchronization

/// Reads and hashes the files of a tree on all processors.
struct FileContents {
  struct Content: Sendable {
    let digest: SHA256Digest
    let attributes: [ExtendedAttributes.Attribute]
  }

  private let root: OpenDirectory
  private let entries: [TreeEntry]

  init(_ root: OpenDirectory, _ entries: [TreeEntry]) {
    self.root = root
    self.entries = entries
  }

  private struct Progress: Sendable {
    var contents: [Content?]
    var fault: SnapshotFault?
  }

  /// For each entry its content; nil for what is no file.
  func read() throws(SnapshotFault) -> [Content?] {
    let progress = Mutex(Progress(contents: Array(repeating: nil, count: entries.count)))
    let next = Atomic<Int>(0)
    let workers = max(1, min(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 16))
    DispatchQueue.concurrentPerform(iterations: workers) { _ in
      var buffer = [UInt8](repeating: 0, count: 1 << 18)
      // A batch at a time, so that the lock is rarely taken.
      while true {
        let first = next.wrappingAdd(64, ordering: .relaxed).oldValue
        guard first < entries.count, progress.withLock({ $0.fault == nil }) else { return }
        for index in first..<min(first + 64, entries.count) where entries[index].kind == .file {
          do throws(SnapshotFault) {
            let content = try read(entries[index], &buffer)
            progress.withLock { $0.contents[index] = content }
          } catch {
            progress.withLock { $0.fault = $0.fault ?? error }
            return
          }
        }
      }
    }
    let result = progress.withLock { $0 }
    if let fault = result.fault { throw fault }
    return result.contents
  }

  private func read(_ entry: TreeEntry, _ buffer: inout [UInt8]) throws(SnapshotFault) -> Content {
    let file = entry.path.withCString { linux_open_beneath(root.descriptor, $0) }
    guard file >= 0 else {
      // Something stands in the way that was no link, no mount and no hole when the walk passed.
      if [ENOENT, ENOTDIR, ELOOP, EXDEV].contains(-file) { throw .changed(path: entry.path.text) }
      throw .system("openat2", entry.path.text, file)
    }
    defer { close(file) }
    var opened = linux_node()
    guard linux_look(file, "", &opened) == 0, entry.node.isUnchanged(in: opened) else {
      throw .changed(path: entry.path.text)
    }
    var hasher = SHA256()
    var size: Int64 = 0
    while true {
      let count = Glibc.read(file, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw .last("read", entry.path.text)
      }
      if count == 0 { break }
      size += Int64(count)
      // A file that grows for ever must not be read for ever.
      guard size <= opened.size else { throw .changed(path: entry.path.text) }
      buffer.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
    guard size == opened.size else { throw .changed(path: entry.path.text) }
    return Content(digest: hasher.finalize(), attributes: try ExtendedAttributes.read(file, path: entry.path))
  }
}
