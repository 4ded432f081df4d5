/// Where requests may go. Anything not public must be named; nothing is permitted by being left out.
///
/// Each policy has its own connections: a connection opened under one policy never serves another.
public struct EgressPolicy: Sendable, Hashable {
  /// Which ports.
  public enum Ports: Sendable, Hashable {
    case none
    case any
    case only(Set<UInt16>)

    public func contains(_ port: UInt16) -> Bool {
      switch self {
      case .none: false
      case .any: true
      case .only(let ports): ports.contains(port)
      }
    }
  }

  /// A destination that is permitted although it may not be public.
  public enum Allowance: Sendable, Hashable {
    /// A host exactly as in the URL (lower case) on one port. A DNS name permits loopback and private addresses behind
    /// it, but no metadata service, link-local or other special address: whoever runs the DNS does not get to pick those.
    /// An address literal permits that address, whatever it is.
    case host(String, port: UInt16)
    /// Addresses of a network. A metadata service is permitted only by a network of that one address.
    case network(IPNetwork, ports: Ports)
  }

  /// Ports on which public addresses may be reached; `.none` leaves only the allowances.
  public var publicPorts: Ports
  public var allowances: Set<Allowance>
  /// Whether `http:` is permitted beside `https:`.
  public var permitsPlainHTTP: Bool
  /// Unix sockets that may be connected to, by exact path.
  public var unixSockets: Set<String>

  public init(
    publicPorts: Ports, permitsPlainHTTP: Bool, allowances: Set<Allowance> = [], unixSockets: Set<String> = []
  ) {
    self.publicPorts = publicPorts
    self.permitsPlainHTTP = permitsPlainHTTP
    self.allowances = allowances
    self.unixSockets = unixSockets
  }

  /// Any public address on any port over http or https, and nothing else.
  public static let publicInternet = EgressPolicy(publicPorts: .any, permitsPlainHTTP: true)
  /// Nothing.
  public static let nowhere = EgressPolicy(publicPorts: .none, permitsPlainHTTP: false)

  /// Only these hosts and ports, public or private.
  public static func only(_ hosts: [(host: String, port: UInt16)]) -> EgressPolicy {
    EgressPolicy(
      publicPorts: .none, permitsPlainHTTP: true,
      allowances: Set(hosts.map { .host($0.host, port: $0.port) }))
  }

  /// Why an address may not be connected to, or `nil` if it may. `host` is the URL's host in its normal form.
  public func refusal(of address: IPAddress, host: String, port: UInt16) -> AddressRefusal? {
    let kind = AddressClass(address)
    if kind == .publicInternet, publicPorts.contains(port) { return nil }
    let isNamed = allowances.contains { allowance in
      switch allowance {
      case .host(let name, port):
        guard name == host else { return false }
        switch kind {
        case .publicInternet, .loopback, .privateUse, .carrierGradeNAT: return true
        default: return IPAddress(name) == address
        }
      case .host: return false
      case .network(let network, let ports):
        return ports.contains(port) && network.contains(address) && (kind != .metadata || network.isSingleAddress)
      }
    }
    return isNamed ? nil : AddressRefusal(host: host, port: port, address: address, addressClass: kind)
  }
}

/// A destination that the policy does not permit.
public struct AddressRefusal: Sendable, Hashable, CustomStringConvertible {
  public let host: String
  public let port: UInt16
  public let address: IPAddress
  public let addressClass: AddressClass

  public var description: String {
    let place = host == address.description ? "\(host) port \(port)" : "\(host) port \(port) (\(address))"
    return addressClass == .publicInternet
      ? "\(place) is not among the destinations that the egress policy names"
      : "\(place) is a \(addressClass.rawValue) address that the egress policy does not name"
  }
}
