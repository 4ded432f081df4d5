import CLinux
import Cryptography
import Glibc

extension ModelStore {
  /// Installs what was fetched into ``partial(for:)``: everything is verified, sealed and made durable, then moved into its
  /// place by one rename. ``CommitStep`` says what a crash at any point leaves; committing again goes on from there.
  ///
  /// Nobody may have a file open for writing any more.
  ///
  /// - Parameter hashed: files that the caller has hashed itself and found right, by path: each with the identity that its
  ///   descriptor had after the last write, taken before the hash. They are not read again if they still have it.
  /// - Returns: what protects the model from now on.
  /// - Throws: `alreadyInstalled`, `notFetched`, or what is wrong with a file. Nothing is installed then.
  @discardableResult
  public func commit(
    _ manifest: ModelManifest, hashed: [String: FileIdentity] = [:]
  ) throws(ModelFault) -> ModelProtection {
    let digest = manifest.digest
    let (places, partial, top) = try openPartial(of: digest)
    let owner = try ModelFault.calling { () throws(SystemCallFault) in try places.models.status().owner }
    let tree = ModelTree(manifest, stage: .fetched, owner: owner)
    let files = try tree.open(top)
    try afterStep(.checked)

    let sealed = try ParallelWork.map(files.count) { (index) throws(ModelFault) in
      try self.seal(files[index], hashed: hashed[files[index].entry.path])
    }
    try afterStep(.filesSealed)

    // Walked once more: what appeared meanwhile is refused, and cannot appear any more once its directory is closed.
    _ = try tree.open(top) { (directory, path) throws(ModelFault) in
      try ModelFault.calling { () throws(SystemCallFault) in
        try directory.setMode(path.isEmpty ? ModelTree.movableMode : ModelTree.directoryMode)
        try directory.sync()
      }
    }
    try afterStep(.directoriesSealed)

    try ModelFault.calling { () throws(SystemCallFault) in
      try SmallFile.write(
        manifest.canonicalBytes, as: Places.fileName(digest), mode: ModelTree.fileMode, in: places.manifests)
    }
    try afterStep(.manifestStored)
    try store(sealed, of: manifest, in: places)
    try afterStep(.recordStored)

    try move(digest, from: partial, to: places.models)
    try afterStep(.moved)
    try ModelFault.calling { () throws(SystemCallFault) in
      try places.models.sync()
      // Both, or the old name could come back beside the new one.
      try partial.removeFile(digest.hex + Places.journalSuffix)
      try partial.sync()
    }
    try afterStep(.moveSynced)
    try ModelFault.calling { () throws(SystemCallFault) in
      try top.setMode(ModelTree.directoryMode)
      try top.sync()
    }
    try afterStep(.closed)
    return Self.protection(sealed)
  }

  private func openPartial(
    of digest: SHA256Digest
  ) throws(ModelFault) -> (Places, partial: OpenDirectory, top: OpenDirectory) {
    let (places, partial, installed, fetched) = try ModelFault.calling { () throws(SystemCallFault) in
      let places = try Places(making: root)
      let partial = try places.partial()
      return (places, partial, try places.models.status(digest.hex), try partial.status(digest.hex))
    }
    guard installed == nil else { throw .alreadyInstalled(digest) }
    guard fetched?.kind == .directory else { throw .notFetched(digest) }
    return (places, partial, try ModelFault.calling { () throws(SystemCallFault) in try partial.directory(digest.hex) })
  }

  /// What became of one file.
  private struct Sealed: Sendable {
    let path: String
    let measured: SHA256Digest?
    /// Why there is no fs-verity.
    let reason: String
  }

  private func seal(_ file: ModelTree.File, hashed: FileIdentity?) throws(ModelFault) -> Sealed {
    let path = file.entry.path
    let descriptor = file.open.descriptor
    let isHashed = hashed == file.status.identity
    guard fchmod(descriptor, ModelTree.fileMode) == 0 else { throw .system(.last("fchmod", path)) }
    // Before the bytes are read, so that those that are read are those that stay.
    let enabled = verity.enable(descriptor)
    if enabled == .openForWriting { throw .openForWriting(path: path) }
    if !isHashed { try Self.checkContent(of: file) }
    let after = try ModelFault.calling { () throws(SystemCallFault) in try FileStatus(of: descriptor, path: path) }
    guard after.identity.hasSameContent(as: file.status.identity), after.permissions == ModelTree.fileMode,
      after.links == 1
    else { throw .changed(path: path) }
    guard fsync(descriptor) == 0 else { throw .system(.last("fsync", path)) }
    switch enabled {
    case .yes: return Sealed(path: path, measured: verity.measure(descriptor), reason: "no measurement")
    case .unavailable(let reason): return Sealed(path: path, measured: nil, reason: reason)
    case .openForWriting: throw .openForWriting(path: path)
    }
  }

  private func store(_ sealed: [Sealed], of manifest: ModelManifest, in places: Places) throws(ModelFault) {
    var digests: [String: SHA256Digest] = [:]
    for file in sealed { digests[file.path] = file.measured }
    try ModelFault.calling { () throws(SystemCallFault) in
      let name = Places.fileName(manifest.digest)
      guard !digests.isEmpty else {
        // One of an earlier installation on another file system.
        if try places.seals.removeFile(name) { try places.seals.sync() }
        return
      }
      let record = VerityRecord(manifest: manifest.digest, digests: digests)
      try SmallFile.write(record.bytes, as: name, mode: ModelTree.fileMode, in: places.seals)
    }
  }

  /// Moves without ever replacing: a plain rename would put itself in the place of an empty directory.
  private func move(
    _ digest: SHA256Digest, from partial: OpenDirectory, to models: OpenDirectory
  ) throws(ModelFault) {
    let result = linux_rename_new(partial.descriptor, digest.hex, models.descriptor, digest.hex)
    // Another commit of the same partial may have been faster, and then its name is gone.
    if result == -ENOENT, try isInstalled(digest) { throw .alreadyInstalled(digest) }
    if result == -EEXIST { throw .alreadyInstalled(digest) }
    guard result == 0 else {
      throw .system(SystemCallFault(call: "renameat2", path: path(of: digest), errno: -result))
    }
  }

  private static func protection(_ sealed: [Sealed]) -> ModelProtection {
    guard let file = sealed.first(where: { $0.measured == nil }) else { return .verity }
    return .permissions(reason: file.reason)
  }
}
