import CanonicalJSON

/// The registers of an Intel trust domain that software extends while it runs
/// (Documentation/ABI/testing/sysfs-devices-virtual-misc-tdx_guest; Linux 6.16 and later).
public struct RuntimeRegisters: Sendable {
  package static let path = "/sys/class/misc/tdx_guest/measurements"
  /// SHA-384.
  public static let digestBytes = 48
  public static let indexes = 0...3

  let root: String
  let files: any KernelFiles

  /// This machine's.
  public init() { self.init(root: Self.path, files: SystemFiles()) }

  package init(root: String = Self.path, files: any KernelFiles) {
    self.root = root
    self.files = files
  }

  /// Whether the kernel has them.
  public var isPresent: Bool { files.exists(root) }

  /// Extends a register with a SHA-384 digest. Blocks until the processor has done it.
  public func extend(_ index: Int, with digest: [UInt8]) throws(GuestFailure) {
    guard digest.count == Self.digestBytes else {
      throw .field(
        FieldError(field: "digest", expected: "\(Self.digestBytes) bytes", actual: "\(digest.count) bytes"))
    }
    try files.write(digest, to: try path(index))
  }

  /// What a register holds.
  public func value(_ index: Int) throws(GuestFailure) -> [UInt8] {
    let value = try files.read(try path(index), limit: Self.digestBytes)
    guard value.count == Self.digestBytes else {
      throw .field(
        FieldError(field: "rtmr\(index)", expected: "\(Self.digestBytes) bytes", actual: "\(value.count) bytes"))
    }
    return value
  }

  private func path(_ index: Int) throws(GuestFailure) -> String {
    guard Self.indexes.contains(index) else {
      throw .field(FieldError(field: "register", expected: "0 to 3", actual: "\(index)"))
    }
    guard isPresent else { throw .absent(root) }
    return "\(root)/rtmr\(index):sha384"
  }
}
