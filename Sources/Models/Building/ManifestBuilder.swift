import CanonicalJSON
import Cryptography
import Glibc

/// Makes manifests of what is there: of a directory, or of files that have to be fetched to be known.
public struct ManifestBuilder: Sendable {
  /// A file that is known by where it can be had.
  public struct RemoteFile: Sendable, Hashable {
    public let path: String
    public let sources: [ModelSource]

    public init(path: String, sources: [ModelSource]) {
      self.path = path
      self.sources = sources
    }
  }

  /// A manifest, and what the bundle in its directory was worth; nil when there was none.
  public struct Built: Sendable {
    public let manifest: ModelManifest
    public let appraisal: OMSAppraisal?
  }

  /// What a person says about the model.
  public let description: ModelDescription

  public init(_ description: ModelDescription) { self.description = description }

  /// Lists every file below a directory, hashed as it is read, in memory that does not depend on sizes.
  ///
  /// Symbolic links, devices, files with several names, empty files, empty directories and names that a manifest cannot carry
  /// are refused. A bundle `model.sig` at the top is evidence and no file of the model: it must hold for exactly the files.
  /// Blocks while it reads.
  ///
  /// - Parameters:
  ///   - sources: where the same files can be had: URLs to which `/` and a file's path are added (before the `?` of an
  ///     `s3://` URL). None: the directory itself, by `file://`.
  ///   - excluding: paths of files and directories to leave out.
  ///   - key: of the signer of the bundle; without it, its signature is not checked.
  public func build(
    directory: String, sources: [String] = [], excluding: Set<String> = [], key: P256.PublicKey? = nil
  ) throws(ManifestBuildFault) -> Built {
    let top = try ManifestBuildFault.calling { () throws(SystemCallFault) in try OpenDirectory(opening: directory) }
    let bundle = excluding.contains(OMSBundle.fileName) ? nil : try Self.bundle(in: top)
    let scan = try DirectoryScan(top, excluding: bundle == nil ? excluding : excluding.union([OMSBundle.fileName]))
    let bases = sources.isEmpty ? [try Self.fileURL(of: directory)] : sources
    let found = scan.files
    let files = try ParallelWork.map(found.count) { (index) throws(ManifestBuildFault) in
      try Self.read(found[index], bases: bases)
    }
    let plain = try ManifestBuildFault.reading { () throws(FieldError) in try ModelManifest(description, files: files) }
    guard let bundle else { return Built(manifest: plain, appraisal: nil) }
    let appraisal: OMSAppraisal
    do throws(OMSFault) {
      appraisal = try bundle.appraise(plain, key: key)
    } catch {
      throw .evidence(error)
    }
    let manifest = try ManifestBuildFault.reading { () throws(FieldError) in
      try ModelManifest(description, files: files, evidence: [appraisal.evidence])
    }
    return Built(manifest: manifest, appraisal: appraisal)
  }

  /// Lists files that have to be fetched once to be known, one after the other.
  ///
  /// - Parameter read: gives every byte that a source yields to the measure, in order. A source for which it throws is passed
  ///   over for the next; sources are not compared with each other.
  public func build(
    files: [RemoteFile], read: (ModelSource, ContentMeasure) async throws -> Void
  ) async throws(ManifestBuildFault) -> ModelManifest {
    var known: [ModelFile] = []
    for file in files {
      var reason = "no source"
      var facts: (size: Int64, sha256: SHA256Digest)?
      for source in file.sources where facts == nil {
        let measure = ContentMeasure()
        do {
          try await read(source, measure)
          facts = measure.facts
        } catch {
          reason = "\(source.text): \(error)"
        }
      }
      guard let facts else { throw .unreadable(path: file.path, reason: reason) }
      known.append(ModelFile(path: file.path, sizeBytes: facts.size, sha256: facts.sha256, sources: file.sources))
    }
    let files = known
    return try ManifestBuildFault.reading { () throws(FieldError) in try ModelManifest(description, files: files) }
  }

  // MARK: parts

  private static func bundle(in top: OpenDirectory) throws(ManifestBuildFault) -> OMSBundle? {
    let bytes = try ManifestBuildFault.calling { () throws(SystemCallFault) in
      try SmallFile.read(OMSBundle.fileName, limit: OMSBundle.maxBytes, in: top)
    }
    guard let bytes else { return nil }
    do throws(FieldError) {
      return try OMSBundle(parsing: bytes)
    } catch {
      throw .evidence(.malformed(error))
    }
  }

  private static func read(_ file: DirectoryScan.File, bases: [String]) throws(ManifestBuildFault) -> ModelFile {
    let content = try ManifestBuildFault.calling { () throws(SystemCallFault) in
      try ContentHash.of(file.open.descriptor, path: file.path)
    }
    let after = try ManifestBuildFault.calling { () throws(SystemCallFault) in
      try FileStatus(of: file.open.descriptor, path: file.path)
    }
    guard after == file.status, content.size == after.identity.size else { throw .changed(path: file.path) }
    var sources: [ModelSource] = []
    for base in bases {
      sources.append(
        try ManifestBuildFault.reading { () throws(FieldError) in try Self.source(base, path: file.path) })
    }
    return ModelFile(path: file.path, sizeBytes: content.size, sha256: content.digest, sources: sources)
  }

  /// The source of one file under a base.
  private static func source(_ base: String, path: String) throws(FieldError) -> ModelSource {
    let query = base.hasPrefix("s3://") ? base.firstIndex(of: "?") ?? base.endIndex : base.endIndex
    let slash = base[..<query].hasSuffix("/") ? "" : "/"
    return try ModelSource(parsing: base[..<query] + slash + path + base[query...], field: "sources")
  }

  private static func fileURL(of directory: String) throws(ManifestBuildFault) -> String {
    guard let resolved = realpath(directory, nil) else { throw .system(.last("realpath", directory)) }
    defer { free(resolved) }
    return "file://" + SourceParser.encoded(path: String(cString: resolved))
  }
}
