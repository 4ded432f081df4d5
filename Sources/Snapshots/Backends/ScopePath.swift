import Glibc

/// The directory that is snapshot, by the directory that holds it: the scope itself is replaced by a rollback, its
/// parent is not.
struct ScopePath: Sendable {
  let path: String
  let name: String
  let parent: OpenDirectory

  /// - Throws: ``SnapshotFault/badPath(_:reason:)`` for a path that is not absolute or not plain, leads through a link, or
  ///   names no directory.
  init(_ text: String) throws(SnapshotFault) {
    path = try AbsolutePath.checked(text)
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
      throw .badPath(path, reason: "too close to the root of the file system")
    }
    name = String(path[path.index(after: slash)...])
    parent = try OpenDirectory(opening: String(path[..<slash]))
    if let node = try parent.look(name), TreeEntryKind(mode: node.mode) != .directory {
      throw .badPath(path, reason: "no directory")
    }
  }
}

/// Paths that mean one thing only.
enum AbsolutePath {
  /// The path, if it begins with a slash, has no empty, `.` or `..` part, no zero byte and at most 4000 bytes.
  static func plain(_ path: String) throws(SnapshotFault) -> String {
    let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard path.utf8.first == UInt8(ascii: "/"), path.utf8.count <= 4000, !path.utf8.contains(0),
      parts.dropFirst().allSatisfy({ !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) })
    else { throw .badPath(path, reason: "not an absolute path in its plain form") }
    return path
  }

  /// A plain path whose directory is reached without a link.
  static func checked(_ text: String) throws(SnapshotFault) -> String {
    let path = try plain(text)
    // The directory that holds it must be what its path says; the last part may be absent, and is looked at by the
    // caller.
    let parent = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    let real = try realPath(parent.isEmpty ? "/" : parent)
    guard real == (parent.isEmpty ? "/" : parent) else {
      throw .badPath(path, reason: "leads through a link to \(real)")
    }
    return path
  }

  static func realPath(_ path: String) throws(SnapshotFault) -> String {
    guard let resolved = realpath(path, nil) else { throw .last("realpath", path) }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// Whether the path is the directory or in it, by the texts.
  static func isInside(_ path: String, _ directory: String) -> Bool {
    path == directory || path.hasPrefix(directory == "/" ? "/" : directory + "/")
  }
}
