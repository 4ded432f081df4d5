import Foundation

/// The files that this process has open, seen from outside the code that opened them.
public enum OpenFiles {
  /// Duplicates every descriptor of the file, as a process does that is being forked and has not executed its program yet.
  /// The caller closes them.
  public static func duplicates(of path: String) throws -> [Int32] {
    let wanted = try FileManager.default.attributesOfItem(atPath: path)
    let (inode, device) = (wanted[.systemFileNumber] as? UInt64, wanted[.systemNumber] as? UInt64)
    return try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { name in
      var status = stat()
      guard let file = Int32(name), fstat(file, &status) == 0 else { return nil }
      guard UInt64(status.st_ino) == inode, UInt64(status.st_dev) == device else { return nil }
      return dup(file)
    }
  }
}
