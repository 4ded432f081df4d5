import CanonicalJSON
import Governance

/// `directory.create`: makes `directories/<name>` below the root, mode 0750, owned by this process's user.
public struct DirectoryCreation: OperationExecutor {
  public static let mode: UInt32 = 0o750

  private let parent: AnchoredDirectory

  /// - Parameter root: the root directory of the privileged process.
  public init(root: AnchoredDirectory) throws(SystemFault) {
    parent = try root.makeDirectory(Place.directories.rawValue, mode: 0o755)
  }

  public func examine(_ mandate: Mandate) throws { _ = try name(mandate) }

  public func perform(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> JSONObject {
    let name = try name(mandate)
    guard try parent.createDirectory(name, mode: Self.mode) else {
      throw OperationFault(code: "directory.exists", field: "params.name", detail: "there is a directory \(name)")
    }
    return result(name)
  }

  /// Making a directory is one step of the kernel's: it is there or it is not. One that is there may be older than the
  /// order, but that it is there is what was ordered.
  public func reconcile(
    _ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void
  ) async throws -> Reconciliation {
    let name = try name(mandate)
    let isOurs = try parent.status(name).map { $0.st_mode & 0o170000 == 0o040000 } ?? false
    guard isOurs else {
      return .failed(OperationFault(code: "interrupted", detail: "the process ended before the directory was made"))
    }
    try parent.directory(name).setMode(Self.mode)
    return .executed(result(name))
  }

  private func result(_ name: String) -> JSONObject { ["directory": .string("\(Place.directories.rawValue)/\(name)")] }

  private func name(_ mandate: Mandate) throws(OperationFault) -> String {
    guard case .createDirectory(let name) = mandate.order, AnchoredDirectory.isComponent(name) else {
      throw OperationFault(code: "order", field: "params.name", detail: "expected the name of a directory")
    }
    return name
  }
}
