import Foundation

/// The files that this process has open, seen from outside the code that opened them.
public enum OpenFiles {
  /// Duplicates every descriptor of the file, as a process does that is being forked and has not executed its program yet.
  /// The caller closes them.
  public static func duplicates(of path: String) throws -> [Int32] {
    let wanted = try FileManager.default.attributesOfItem(atPath: path)
    let (inode, device) = (wanted[.systemFileNumber] as? UInt64, wanted[.systemNumber] as? UInt64)
    // All are found before the first is duplicated, or a duplicate could get a number that is still to be looked at.
    let found = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { name -> Int32? in
      var status = stat()
      guard let file = Int32(name), fstat(file, &status) == 0 else { return nil }
      return UInt64(status.st_ino) == inode && UInt64(status.st_dev) == device ? file : nil
    }
    return found.map { dup($0) }
  }
}
