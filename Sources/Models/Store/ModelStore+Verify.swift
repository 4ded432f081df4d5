import CanonicalJSON
import Cryptography
import Glibc

extension ModelStore {
  /// Finds out whether an installed model is, byte for byte, what its manifest says.
  ///
  /// The stored manifest must have the digest; the directory must hold its files and nothing else, of the owner of the
  /// store, with one name each and writable by nobody. Each file is opened once, without following a link, and read through
  /// that descriptor, several at a time. The result holds the descriptors.
  public func verify(_ digest: SHA256Digest, reading: Reading = .unlessSealed) throws(ModelFault) -> VerifiedModel {
    guard try isInstalled(digest) else { throw .notInstalled(digest) }
    let manifest = try manifest(of: digest)
    let (top, found) = try open(manifest)
    let record = reading == .unlessSealed ? verityRecord(of: digest) : nil
    let files = try ParallelWork.map(found.count) { (index) throws(ModelFault) in
      try self.verify(found[index], recorded: record?.digests[found[index].entry.path])
    }
    return VerifiedModel(manifest, files: files, top: top, store: self)
  }

  /// Opens the installed files of a manifest; reads nothing of them.
  func open(_ manifest: ModelManifest) throws(ModelFault) -> (OpenDirectory, [ModelTree.File]) {
    let digest = manifest.digest
    let opened = try ModelFault.calling { () throws(SystemCallFault) -> (OpenDirectory, FileStatus)? in
      guard let places = try Places(opening: root) else { return nil }
      guard try places.models.status(digest.hex)?.kind == .directory else { return nil }
      return (try places.models.directory(digest.hex), try places.models.status())
    }
    guard let (top, models) = opened else { throw .notInstalled(digest) }
    // Who may write to `models` may exchange any directory in it.
    guard models.permissions & 0o022 == 0 else {
      throw .mode(
        path: "..", expected: "writable by its owner alone", actual: "0" + String(models.permissions, radix: 8))
    }
    return (top, try ModelTree(manifest, stage: .installed, owner: models.owner).open(top))
  }

  private func verify(
    _ file: ModelTree.File, recorded: SHA256Digest?
  ) throws(ModelFault) -> VerifiedModel.File {
    let entry = file.entry
    let descriptor = file.open.descriptor
    var check = VerifiedModel.File.Check.content
    if let recorded, let measured = verity.measure(descriptor) {
      guard measured == recorded else { throw .verity(path: entry.path, expected: recorded, actual: measured) }
      check = .verity
    } else {
      try Self.checkContent(of: file)
    }
    let after = try ModelFault.calling { () throws(SystemCallFault) in
      try FileStatus(of: descriptor, path: entry.path)
    }
    guard after == file.status else { throw .changed(path: entry.path) }
    return VerifiedModel.File(
      path: entry.path, size: entry.sizeBytes, sha256: entry.sha256, check: check, open: file.open,
      identity: after.identity)
  }

  /// Reads every byte.
  static func checkContent(of file: ModelTree.File) throws(ModelFault) {
    let entry = file.entry
    let content = try ModelFault.calling { () throws(SystemCallFault) in
      try ContentHash.of(file.open.descriptor, path: entry.path)
    }
    guard content.size == entry.sizeBytes else {
      throw .size(path: entry.path, expected: entry.sizeBytes, actual: content.size)
    }
    guard content.digest == entry.sha256 else {
      throw .digest(path: entry.path, expected: entry.sha256, actual: content.digest)
    }
  }

  /// nil whatever is the matter with it: without it, every byte is read.
  private func verityRecord(of digest: SHA256Digest) -> VerityRecord? {
    guard let places = try? Places(opening: root),
      let bytes = try? SmallFile.read(Places.fileName(digest), limit: VerityRecord.maxBytes, in: places.seals)
    else { return nil }
    return VerityRecord(parsing: bytes, for: digest)
  }
}
