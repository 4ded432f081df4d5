import CLinux
import Cryptography
import Glibc

extension ModelStore {
  /// Removes an installed model. Its directory leaves `models` by one rename before anything in it is touched: a crash leaves
  /// a whole model, or none and something that ``clearLeftovers()`` removes. Who has its files open keeps them. The manifest
  /// stays.
  public func remove(_ digest: SHA256Digest) throws(ModelFault) {
    guard try isInstalled(digest) else { throw .notInstalled(digest) }
    try ModelFault.calling { () throws(SystemCallFault) in
      let places = try Places(making: root)
      let partial = try places.partial()
      let trash = Places.removingPrefix + digest.hex
      try partial.removeDirectory(trash)
      // The right to write to it is needed to move it.
      try places.models.directory(digest.hex).setMode(ModelTree.movableMode)
      let result = linux_rename_new(places.models.descriptor, digest.hex, partial.descriptor, trash)
      guard result == 0 else { throw SystemCallFault(call: "renameat2", path: path(of: digest), errno: -result) }
      try places.models.sync()
      try partial.sync()
      try places.seals.removeFile(Places.fileName(digest))
      try places.seals.sync()
      try partial.removeDirectory(trash)
      try partial.sync()
    }
  }

  /// Removes what crashes left and nobody can use, and closes the directories of models that were installed by a commit that
  /// did not end. Partials are kept: they are gone on with, or discarded by ``discardPartial(of:)``.
  ///
  /// Not while another thread or process commits or removes.
  public func clearLeftovers() throws(ModelFault) {
    try ModelFault.calling { () throws(SystemCallFault) in
      guard let places = try Places(opening: root) else { return }
      let partial = try places.partial()
      for name in try partial.names(limit: Places.maxNames) where name.hasPrefix(Places.removingPrefix) {
        try partial.removeDirectory(name)
      }
      for directory in [places.manifests, places.seals] {
        for name in try directory.names(limit: Places.maxNames) where name.hasPrefix(SmallFile.temporaryPrefix) {
          try directory.removeFile(name)
        }
      }
      for name in try places.seals.names(limit: Places.maxNames) {
        let digest = SHA256Digest(hex: name.prefix(2 * SHA256Digest.byteCount))
        if let digest, try places.models.status(digest.hex) == nil { try places.seals.removeFile(name) }
      }
      for name in try places.models.names(limit: Places.maxNames) where SHA256Digest(hex: name) != nil {
        guard let status = try places.models.status(name), status.kind == .directory else { continue }
        if status.permissions == ModelTree.movableMode {
          try places.models.directory(name).setMode(ModelTree.directoryMode)
        }
      }
    }
  }
}
