import CLinux
import Glibc

/// The extended attributes that are part of what a tree is: the user's own, access control lists, and the capabilities of
/// programs. Labels that the system computes by itself (SELinux, IMA) are not.
enum ExtendedAttributes {
  struct Attribute: Sendable, Hashable {
    let name: [UInt8]
    let value: [UInt8]
  }

  /// What one file may have (xattr(7)).
  private static let limit = 65536

  private static func belongs(_ name: [UInt8]) -> Bool {
    name.starts(with: "user.".utf8) || name.elementsEqual("security.capability".utf8)
      || name.elementsEqual("system.posix_acl_access".utf8) || name.elementsEqual("system.posix_acl_default".utf8)
  }

  /// Those of an open file or directory, sorted by name.
  static func read(_ file: Int32, path: [UInt8]) throws(SnapshotFault) -> [Attribute] {
    // Most files have none, so that this is the only call.
    let size = linux_list_attributes(file, nil, 0)
    if size == 0 || size == -Int64(ENOTSUP) { return [] }
    guard size > 0 else { throw .system("flistxattr", path.text, Int32(size)) }
    var list = [CChar](repeating: 0, count: limit)
    let count = linux_list_attributes(file, &list, list.count)
    guard count >= 0 else { throw .system("flistxattr", path.text, Int32(count)) }
    let names = list[..<Int(count)].map(UInt8.init(bitPattern:)).split(separator: 0).map(Array.init).filter(belongs)
    var attributes: [Attribute] = []
    for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      var value = [UInt8](repeating: 0, count: limit)
      let room = value.count
      let length = name.withCString { name in
        value.withUnsafeMutableBytes { linux_get_attribute(file, name, $0.baseAddress, room) }
      }
      // It was there a moment ago.
      if length == -Int64(ENODATA) { throw .changed(path: path.text) }
      guard length >= 0 else { throw .system("fgetxattr", path.text, Int32(length)) }
      attributes.append(Attribute(name: name, value: Array(value[..<Int(length)])))
    }
    return attributes
  }

  /// Gives an open file or directory these attributes.
  static func write(_ attributes: [Attribute], to file: Int32, path: [UInt8]) throws(SnapshotFault) {
    for attribute in attributes {
      let result = attribute.name.withCString { name in
        attribute.value.withUnsafeBytes { linux_set_attribute(file, name, $0.baseAddress, $0.count) }
      }
      guard result == 0 else { throw .system("fsetxattr", path.text, result) }
    }
  }
}
