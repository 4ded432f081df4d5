import Glibc

/// An IPv4 or IPv6 address without port or zone. An IPv4-mapped IPv6 address is held as the IPv4 address that it is,
/// so that no check can be passed by spelling an address differently.
public struct IPAddress: Sendable, Hashable, CustomStringConvertible {
  /// 4 or 16 bytes in network order.
  public let bytes: [UInt8]

  /// `nil` unless there are 4 or 16 bytes.
  public init?(_ bytes: [UInt8]) {
    switch bytes.count {
    case 4: self.bytes = bytes
    case 16: self.bytes = Self.isMapped(bytes) ? Array(bytes[12...]) : bytes
    default: return nil
    }
  }

  /// The four bytes of an IPv4 address, most significant first.
  public init(v4 value: UInt32) {
    bytes = [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
  }

  /// Parses dotted decimal (exactly four parts) or RFC 4291 text without zone. `nil` for anything else; the odd IPv4
  /// forms that URLs allow are `HTTPURL`'s business.
  public init?(_ text: String) {
    guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
    var v4 = in_addr()
    if inet_pton(AF_INET, text, &v4) == 1 {
      self.init(v4: UInt32(bigEndian: v4.s_addr))
      return
    }
    var v6 = in6_addr()
    guard inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
    self.init(withUnsafeBytes(of: v6) { [UInt8]($0) })
  }

  /// The address inside a socket address; `nil` for a family other than IPv4 and IPv6, or a short buffer.
  public init?(socketAddress: UnsafeRawBufferPointer) {
    guard socketAddress.count >= MemoryLayout<sa_family_t>.size else { return nil }
    switch Int32(socketAddress.loadUnaligned(as: sa_family_t.self)) {
    case AF_INET:
      guard socketAddress.count >= MemoryLayout<sockaddr_in>.size else { return nil }
      self.init(v4: UInt32(bigEndian: socketAddress.loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr))
    case AF_INET6:
      guard socketAddress.count >= MemoryLayout<sockaddr_in6>.size else { return nil }
      let address = socketAddress.loadUnaligned(as: sockaddr_in6.self).sin6_addr
      self.init(withUnsafeBytes(of: address) { [UInt8]($0) })
    default: return nil
    }
  }

  public var isIPv4: Bool { bytes.count == 4 }

  /// Dotted decimal or RFC 5952.
  public var description: String {
    if isIPv4 { return bytes.map(String.init).joined(separator: ".") }
    var address = in6_addr()
    withUnsafeMutableBytes(of: &address) { $0.copyBytes(from: bytes) }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(AF_INET6, &address, &text, socklen_t(text.count)) != nil else { return "?" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func isMapped(_ bytes: [UInt8]) -> Bool {
    bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
  }
}

/// A block of addresses in CIDR notation (RFC 4632, RFC 4291 section 2.3).
public struct IPNetwork: Sendable, Hashable, CustomStringConvertible {
  public let base: IPAddress
  /// 0...32 for IPv4, 0...128 for IPv6.
  public let prefixLength: Int

  /// `nil` if the length is out of range or bits behind the prefix are set: `10.0.0.1/8` is a mistake, not a network.
  public init?(base: IPAddress, prefixLength: Int) {
    guard (0...base.bytes.count * 8).contains(prefixLength) else { return nil }
    self.base = base
    self.prefixLength = prefixLength
    for bit in prefixLength..<base.bytes.count * 8 where base.bytes[bit / 8] & (0x80 >> UInt8(bit % 8)) != 0 {
      return nil
    }
  }

  /// Parses `address/length`; a bare address is the network of that one address.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard let first = parts.first, let base = IPAddress(String(first)) else { return nil }
    switch parts.count {
    case 1: self.init(base: base, prefixLength: base.bytes.count * 8)
    case 2:
      guard let length = Int(parts[1]), String(length) == parts[1] else { return nil }
      self.init(base: base, prefixLength: length)
    default: return nil
    }
  }

  /// True for a network of exactly one address.
  public var isSingleAddress: Bool { prefixLength == base.bytes.count * 8 }

  public func contains(_ address: IPAddress) -> Bool {
    guard address.bytes.count == base.bytes.count else { return false }
    let whole = prefixLength / 8
    guard address.bytes[..<whole] == base.bytes[..<whole] else { return false }
    let rest = prefixLength % 8
    guard rest > 0 else { return true }
    let mask = UInt8(truncatingIfNeeded: 0xff << (8 - rest))
    return address.bytes[whole] & mask == base.bytes[whole] & mask
  }

  public var description: String { "\(base)/\(prefixLength)" }
}
