import CLinux
import Cryptography
import Glibc

/// The directory of one model held against its manifest: exactly the manifest's files and the directories that lead to
/// them, all of them plain, all of one owner.
struct ModelTree {
  /// How far the model has come, which decides about the rights that its files may have.
  enum Stage {
    /// Fetched by us; rights come later.
    case fetched
    /// Installed: nobody may write.
    case installed
  }

  /// A file that was opened, and not yet read.
  struct File: Sendable {
    let entry: ModelFile
    let open: OpenModelFile
    let status: FileStatus
  }

  let manifest: ModelManifest
  let stage: Stage
  /// Who must own everything.
  let owner: UInt32
  /// Names by the path of the directory that they stand in, "" for the top.
  private let children: [String: Set<String>]
  private let files: [String: Int]

  init(_ manifest: ModelManifest, stage: Stage, owner: UInt32) {
    self.manifest = manifest
    self.stage = stage
    self.owner = owner
    var children: [String: Set<String>] = ["": []]
    for file in manifest.files {
      var parent = ""
      for segment in file.path.split(separator: "/") {
        children[parent, default: []].insert(String(segment))
        parent = Self.join(parent, String(segment))
      }
    }
    self.children = children
    files = Dictionary(uniqueKeysWithValues: manifest.files.enumerated().map { ($1.path, $0) })
  }

  /// Opens every file, in the manifest's order.
  ///
  /// - Parameter leave: is given each directory after everything below it was visited; the top comes last, as "".
  func open(
    _ top: OpenDirectory, leave: (OpenDirectory, String) throws(ModelFault) -> Void = { (_, _) throws(ModelFault) in }
  ) throws(ModelFault) -> [File] {
    var found = [File?](repeating: nil, count: manifest.files.count)
    try visit(top, at: "", &found, leave)
    // Every name was found, or visiting would have thrown.
    return found.compactMap { $0 }
  }

  private func visit(
    _ directory: OpenDirectory, at path: String, _ found: inout [File?],
    _ leave: (OpenDirectory, String) throws(ModelFault) -> Void
  ) throws(ModelFault) {
    try check(try ModelFault.calling { () throws(SystemCallFault) in try directory.status() }, directoryAt: path)
    let expected = children[path] ?? []
    // One more than could be right is enough to find one that is wrong.
    var missing = expected
    for name in try names(directory, limit: expected.count + 1, at: path) {
      let child = Self.join(path, name)
      guard expected.contains(name) else {
        let status = try ModelFault.calling { () throws(SystemCallFault) in try directory.status(name) }
        throw .unexpected(path: child, kind: status?.kind.rawValue ?? "a name")
      }
      missing.remove(name)
      if let index = files[child] {
        found[index] = try open(manifest.files[index], name, in: directory)
      } else {
        try visit(try openDirectory(name, in: directory, at: child), at: child, &found, leave)
      }
    }
    if let name = missing.min() { throw .missing(path: Self.join(path, name)) }
    try leave(directory, path)
  }

  private func names(_ directory: OpenDirectory, limit: Int, at path: String) throws(ModelFault) -> [String] {
    do throws(SystemCallFault) {
      return try directory.names(limit: limit)
    } catch {
      guard error.errno == EFBIG else { throw .system(error) }
      throw .unexpected(path: Self.join(path, "*"), kind: "more than \(limit) names")
    }
  }

  private func openDirectory(
    _ name: String, in directory: OpenDirectory, at path: String
  ) throws(ModelFault) -> OpenDirectory {
    try expect(.directory, name, in: directory, at: path)
    return try ModelFault.calling { () throws(SystemCallFault) in try directory.directory(name) }
  }

  private func open(_ entry: ModelFile, _ name: String, in directory: OpenDirectory) throws(ModelFault) -> File {
    // Looked at before it is opened, because opening a device can have an effect; and again after, because it may have been
    // exchanged in between.
    try expect(.file, name, in: directory, at: entry.path)
    let open = OpenModelFile(try ModelFault.calling { () throws(SystemCallFault) in try directory.openFile(name) })
    let status = try ModelFault.calling { () throws(SystemCallFault) in
      try FileStatus(of: open.descriptor, path: directory.pathOf(name))
    }
    guard status.kind == .file else {
      throw .wrongKind(path: entry.path, expected: FileStatus.Kind.file.rawValue, actual: status.kind.rawValue)
    }
    guard status.links == 1 else { throw .linked(path: entry.path, links: status.links) }
    guard status.owner == owner else { throw .owner(path: entry.path, expected: owner, actual: status.owner) }
    if stage == .installed, status.permissions != Self.fileMode {
      throw .mode(path: entry.path, expected: Self.octal(Self.fileMode), actual: Self.octal(status.permissions))
    }
    guard status.identity.size == entry.sizeBytes else {
      throw .size(path: entry.path, expected: entry.sizeBytes, actual: status.identity.size)
    }
    guard !Self.hasWriter(open.descriptor) else { throw .openForWriting(path: entry.path) }
    return File(entry: entry, open: open, status: status)
  }

  /// Whether somebody has the file open for writing, and goes on having it. A child that another thread is just starting
  /// holds descriptors that we closed long ago until its exec, so the first yes is not believed.
  private static func hasWriter(_ descriptor: Int32) -> Bool {
    for _ in 0..<writerLooks {
      if linux_has_writer(descriptor) != 1 { return false }
      usleep(writerPause)
    }
    return true
  }

  private static let writerLooks = 300
  /// Microseconds.
  private static let writerPause: UInt32 = 10_000

  private func expect(
    _ kind: FileStatus.Kind, _ name: String, in directory: OpenDirectory, at path: String
  ) throws(ModelFault) {
    let status = try ModelFault.calling { () throws(SystemCallFault) in try directory.status(name) }
    guard let status else { throw .missing(path: path) }
    guard status.kind == kind else {
      throw .wrongKind(path: path, expected: kind.rawValue, actual: status.kind.rawValue)
    }
  }

  private func check(_ status: FileStatus, directoryAt path: String) throws(ModelFault) {
    let name = path.isEmpty ? "." : path
    guard status.owner == owner else { throw .owner(path: name, expected: owner, actual: status.owner) }
    guard stage == .installed else { return }
    // The top is closed only after it was moved, and a crash in between takes nothing away: its owner may write everywhere.
    let mayBeOpen = path.isEmpty && status.permissions == Self.movableMode
    guard status.permissions == Self.directoryMode || mayBeOpen else {
      throw .mode(path: name, expected: Self.octal(Self.directoryMode), actual: Self.octal(status.permissions))
    }
  }

  static let fileMode: mode_t = 0o444
  static let directoryMode: mode_t = 0o555
  /// Moving a directory takes the right to write to it.
  static let movableMode: mode_t = 0o755

  private static func join(_ parent: String, _ name: String) -> String { parent.isEmpty ? name : "\(parent)/\(name)" }
  private static func octal(_ mode: UInt32) -> String { "0" + String(mode, radix: 8) }
}

/// A file's descriptor, closed with the last reference.
final class OpenModelFile: Sendable {
  let descriptor: Int32

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }
}
