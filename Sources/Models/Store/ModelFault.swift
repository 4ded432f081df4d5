import CanonicalJSON
import Cryptography

/// Why a model is not what its manifest says, or could not be put in its place. Paths are relative to the model's directory.
public enum ModelFault: Error, Sendable, Hashable {
  /// There is no such directory below `models`.
  case notInstalled(SHA256Digest)
  case alreadyInstalled(SHA256Digest)
  /// There is nothing that was fetched.
  case notFetched(SHA256Digest)
  /// The stored manifest is not there.
  case manifestMissing(SHA256Digest)
  /// The stored manifest has another digest than the model is called by.
  case manifestAltered(expected: SHA256Digest, actual: SHA256Digest)
  case manifestInvalid(FieldError)

  case missing(path: String)
  /// A name that the manifest does not have; hidden files and empty directories too.
  case unexpected(path: String, kind: String)
  case wrongKind(path: String, expected: String, actual: String)
  /// A second name of the file lies elsewhere: who may write there can alter it.
  case linked(path: String, links: Int)
  case mode(path: String, expected: String, actual: String)
  case owner(path: String, expected: UInt32, actual: UInt32)
  case size(path: String, expected: Int64, actual: Int64)
  case digest(path: String, expected: SHA256Digest, actual: SHA256Digest)
  /// The kernel's fs-verity digest is not the one that was recorded when the model was installed.
  case verity(path: String, expected: SHA256Digest, actual: SHA256Digest)
  /// Somebody has the file open for writing.
  case openForWriting(path: String)
  /// The file was written to, renamed or given other rights while it was read or since it was verified.
  case changed(path: String)
  /// The path leads to another file than the one that was verified.
  case swapped(path: String)

  case system(SystemCallFault)

  /// A stable name of the fault, for programs: the name of the case.
  public var code: String {
    switch self {
    case .notInstalled: "notInstalled"
    case .alreadyInstalled: "alreadyInstalled"
    case .notFetched: "notFetched"
    case .manifestMissing: "manifestMissing"
    case .manifestAltered: "manifestAltered"
    case .manifestInvalid: "manifestInvalid"
    case .missing: "missing"
    case .unexpected: "unexpected"
    case .wrongKind: "wrongKind"
    case .linked: "linked"
    case .mode: "mode"
    case .owner: "owner"
    case .size: "size"
    case .digest: "digest"
    case .verity: "verity"
    case .openForWriting: "openForWriting"
    case .changed: "changed"
    case .swapped: "swapped"
    case .system: "system"
    }
  }

  /// Runs what can only fail by a system call.
  static func calling<Result>(_ work: () throws(SystemCallFault) -> Result) throws(ModelFault) -> Result {
    do throws(SystemCallFault) {
      return try work()
    } catch {
      throw .system(error)
    }
  }
}

extension ModelFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notInstalled(let digest): "model \(digest) is not installed"
    case .alreadyInstalled(let digest): "model \(digest) is installed already"
    case .notFetched(let digest): "nothing of model \(digest) was fetched"
    case .manifestMissing(let digest): "the manifest of model \(digest) is not there"
    case .manifestAltered(let expected, let actual):
      "the manifest of model \(expected) was altered: it has digest \(actual)"
    case .manifestInvalid(let error): "the manifest: \(error)"
    case .missing(let path): "\(path) is missing"
    case .unexpected(let path, let kind): "\(JSON.string(path).summary) (\(kind)) is not in the manifest"
    case .wrongKind(let path, let expected, let actual): "\(path): expected \(expected), found \(actual)"
    case .linked(let path, let links): "\(path) has \(links) names"
    case .mode(let path, let expected, let actual): "\(path): expected mode \(expected), found \(actual)"
    case .owner(let path, let expected, let actual): "\(path): expected owner \(expected), found \(actual)"
    case .size(let path, let expected, let actual): "\(path): expected \(expected) bytes, found \(actual)"
    case .digest(let path, let expected, let actual): "\(path): expected SHA-256 \(expected), found \(actual)"
    case .verity(let path, let expected, let actual): "\(path): expected fs-verity digest \(expected), found \(actual)"
    case .openForWriting(let path): "\(path) is open for writing"
    case .changed(let path): "\(path) was changed while it was verified or since"
    case .swapped(let path): "\(path) is another file than the one that was verified"
    case .system(let fault): fault.description
    }
  }
}
