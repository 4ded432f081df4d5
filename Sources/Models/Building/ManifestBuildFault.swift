import CanonicalJSON

/// Why no manifest could be made. Paths are relative to the directory.
public enum ManifestBuildFault: Error, Sendable, Hashable {
  /// A part of the description, a source, or the whole is not what the format allows.
  case field(FieldError)
  /// A symbolic link, device, FIFO or socket.
  case notRegular(path: String, kind: String)
  /// A file with several names could be altered through another.
  case linked(path: String, links: Int)
  /// A name that a manifest cannot carry.
  case name(path: String, reason: String)
  case emptyFile(path: String)
  /// A manifest lists files; an empty directory would be lost.
  case emptyDirectory(path: String)
  case tooManyFiles(limit: Int)
  case tooManyDirectories(limit: Int)
  /// The file was written to while it was hashed.
  case changed(path: String)
  /// No source of the file could be read; `reason` is the last one's.
  case unreadable(path: String, reason: String)
  /// The bundle in the directory does not hold for its files.
  case evidence(OMSFault)
  case system(SystemCallFault)

  static func calling<Result>(_ work: () throws(SystemCallFault) -> Result) throws(ManifestBuildFault) -> Result {
    do throws(SystemCallFault) {
      return try work()
    } catch {
      throw .system(error)
    }
  }

  static func reading<Result>(_ work: () throws(FieldError) -> Result) throws(ManifestBuildFault) -> Result {
    do throws(FieldError) {
      return try work()
    } catch {
      throw .field(error)
    }
  }
}

extension ManifestBuildFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .field(let error): error.description
    case .notRegular(let path, let kind): "\(path) is \(kind)"
    case .linked(let path, let links): "\(path) has \(links) names"
    case .name(let path, let reason): "\(JSON.string(path).summary) cannot be listed: \(reason)"
    case .emptyFile(let path): "\(path) is empty"
    case .emptyDirectory(let path): "the directory \(path) is empty"
    case .tooManyFiles(let limit): "more than \(limit) files"
    case .tooManyDirectories(let limit): "more than \(limit) directories"
    case .changed(let path): "\(path) was changed while it was read"
    case .unreadable(let path, let reason): "\(path): \(reason)"
    case .evidence(let fault): "\(OMSBundle.fileName): \(fault)"
    case .system(let fault): fault.description
    }
  }
}
