/// What kind of place an address is. Only `.publicInternet` may be reached without being named by the policy.
public enum AddressClass: String, Sendable, Hashable, CaseIterable {
  case publicInternet = "public"
  case unspecified
  case loopback
  case privateUse = "private"
  case linkLocal = "link-local"
  /// A cloud's instance metadata service, which hands out credentials to whoever can reach it.
  case metadata
  /// Shared address space of carrier-grade NAT (RFC 6598).
  case carrierGradeNAT = "carrier-grade NAT"
  case multicast
  case broadcast
  /// 6to4, Teredo, ISATAP, IPv4-compatible, local NAT64: an address that carries another one past a check.
  case transition = "address-embedding"
  case documentation
  case benchmarking
  /// Any other special-purpose block, and everything not assigned for global unicast.
  case reserved

  /// Classifies by the IANA special-purpose address registries (RFC 6890 and its updates). What is in no list is public
  /// for IPv4 and reserved for IPv6 outside 2000::/3.
  public init(_ address: IPAddress) {
    if Self.metadataServices.contains(address) {
      self = .metadata
    } else if address.isIPv4 {
      self = Self.first(in: Self.v4, containing: address) ?? .publicInternet
    } else if let embedded = Self.wellKnownNAT64(address) {
      // An IPv6-only network reaches IPv4 hosts this way, so a public address inside stays public (RFC 6052).
      self = AddressClass(embedded)
    } else if Self.isISATAP(address) {
      self = .transition
    } else {
      self = Self.first(in: Self.v6, containing: address) ?? .reserved
    }
  }

  private static func first(in table: [(IPNetwork, AddressClass)], containing address: IPAddress) -> AddressClass? {
    table.first { $0.0.contains(address) }?.1
  }

  private static func wellKnownNAT64(_ address: IPAddress) -> IPAddress? {
    let prefix: [UInt8] = [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]
    return address.bytes.starts(with: prefix) ? IPAddress(Array(address.bytes[12...])) : nil
  }

  // RFC 5214 section 6.1: interface identifier 00-00-5E-FE or 02-00-5E-FE followed by an IPv4 address.
  private static func isISATAP(_ address: IPAddress) -> Bool {
    address.bytes[8] & 0xfd == 0 && Array(address.bytes[9..<12]) == [0x00, 0x5e, 0xfe]
  }

  /// AWS, Google Cloud, Azure (both), Alibaba, Oracle, Tencent; ECS and EKS credential endpoints; AWS and Google IPv6.
  private static let metadataServices: Set<IPAddress> = Set(
    [
      "169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "169.254.0.23", "169.254.170.2",
      "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
    ].compactMap { IPAddress($0) })

  private static let v4 = table([
    ("255.255.255.255/32", .broadcast), ("0.0.0.0/8", .unspecified), ("10.0.0.0/8", .privateUse),
    ("100.64.0.0/10", .carrierGradeNAT), ("127.0.0.0/8", .loopback), ("169.254.0.0/16", .linkLocal),
    ("172.16.0.0/12", .privateUse), ("192.0.0.0/24", .reserved), ("192.0.2.0/24", .documentation),
    ("192.31.196.0/24", .reserved), ("192.52.193.0/24", .reserved), ("192.88.99.0/24", .transition),
    ("192.168.0.0/16", .privateUse), ("192.175.48.0/24", .reserved), ("198.18.0.0/15", .benchmarking),
    ("198.51.100.0/24", .documentation), ("203.0.113.0/24", .documentation), ("224.0.0.0/4", .multicast),
    ("240.0.0.0/4", .reserved),
  ])

  // Narrow blocks first: the first match decides.
  private static let v6 = table([
    ("::/128", .unspecified), ("::1/128", .loopback), ("::/96", .transition), ("::ffff:0:0:0/96", .transition),
    ("64:ff9b:1::/48", .transition), ("100::/64", .reserved), ("2001::/32", .transition),
    ("2001:2::/48", .benchmarking), ("2001:db8::/32", .documentation), ("2001::/23", .reserved),
    ("2002::/16", .transition), ("3ffe::/16", .reserved), ("3fff::/20", .documentation), ("fc00::/7", .privateUse),
    ("fe80::/10", .linkLocal), ("fec0::/10", .privateUse), ("ff00::/8", .multicast), ("2000::/3", .publicInternet),
  ])

  private static func table(_ rows: [(String, AddressClass)]) -> [(IPNetwork, AddressClass)] {
    rows.compactMap { row in IPNetwork(row.0).map { ($0, row.1) } }
  }

  /// How many rows of the tables could be read; a misspelt row would silently open a hole, so a test counts them.
  static var rowCount: Int { v4.count + v6.count + metadataServices.count }
}
