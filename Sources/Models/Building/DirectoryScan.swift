import Glibc

/// The files below a directory as a manifest can list them, opened and not yet read.
struct DirectoryScan {
  /// Most directories below the top.
  static let maxDirectories = 1024

  struct File: Sendable {
    let path: String
    let open: OpenModelFile
    let status: FileStatus
  }

  /// Paths of files and directories that are left out, as if they were not there.
  let excluding: Set<String>
  private(set) var files: [File] = []
  private var directories = 0

  /// Opens everything below `top`. Files come in the order of their paths' bytes.
  init(_ top: OpenDirectory, excluding: Set<String>) throws(ManifestBuildFault) {
    self.excluding = excluding
    try visit(top, at: "")
    files.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
  }

  private mutating func visit(_ directory: OpenDirectory, at parent: String) throws(ManifestBuildFault) {
    let names = try ManifestBuildFault.calling { () throws(SystemCallFault) in
      // The sum is what is limited; this bounds the memory for one listing.
      try directory.names(limit: 65_536)
    }
    var isEmpty = true
    for name in names {
      let path = parent.isEmpty ? name : "\(parent)/\(name)"
      if excluding.contains(path) { continue }
      isEmpty = false
      if let reason = ModelPath.fault(path) { throw .name(path: path, reason: reason) }
      let status = try ManifestBuildFault.calling { () throws(SystemCallFault) in try directory.status(name) }
      guard let status else { throw .changed(path: path) }
      switch status.kind {
      case .file: try add(name, in: directory, at: path)
      case .directory:
        directories += 1
        guard directories <= Self.maxDirectories else { throw .tooManyDirectories(limit: Self.maxDirectories) }
        try visit(
          try ManifestBuildFault.calling { () throws(SystemCallFault) in try directory.directory(name) }, at: path)
      default: throw .notRegular(path: path, kind: status.kind.rawValue)
      }
    }
    if isEmpty { throw .emptyDirectory(path: parent.isEmpty ? "." : parent) }
  }

  private mutating func add(
    _ name: String, in directory: OpenDirectory, at path: String
  ) throws(ManifestBuildFault) {
    guard files.count < ModelManifest.maxFiles else { throw .tooManyFiles(limit: ModelManifest.maxFiles) }
    let open = OpenModelFile(
      try ManifestBuildFault.calling { () throws(SystemCallFault) in try directory.openFile(name) })
    let status = try ManifestBuildFault.calling { () throws(SystemCallFault) in
      try FileStatus(of: open.descriptor, path: path)
    }
    guard status.kind == .file else { throw .notRegular(path: path, kind: status.kind.rawValue) }
    guard status.links == 1 else { throw .linked(path: path, links: status.links) }
    guard status.identity.size > 0 else { throw .emptyFile(path: path) }
    files.append(File(path: path, open: open, status: status))
  }
}
