import HTTPClient

extension EgressPolicy {
  /// Any public address, and of the others exactly the addresses and ports that `literals` name, as `127.0.0.1:8080` or
  /// `[::1]:80`. A text that is no address literal permits nothing: a name would let whoever runs the DNS choose.
  public static func publicInternet(and literals: [String], unixSockets: Set<String> = []) -> EgressPolicy {
    var allowances: Set<Allowance> = []
    for text in literals {
      guard let url = try? HTTPURL("http://\(text)/"), let address = url.literal,
        let network = IPNetwork(base: address, prefixLength: address.bytes.count * 8)
      else { continue }
      allowances.insert(.network(network, ports: .only([url.port])))
    }
    return EgressPolicy(
      publicPorts: .any, permitsPlainHTTP: true, allowances: allowances, unixSockets: unixSockets)
  }

  /// As ``publicInternet(and:unixSockets:)``, but the addresses must stand in the URL: a tool that may call some name must
  /// not get to an address of the box's own network because that name's DNS says so.
  public static func publicInternet(andLiterally literals: [String]) -> EgressPolicy {
    var policy = EgressPolicy.publicInternet
    for text in literals {
      guard let url = try? HTTPURL("http://\(text)/"), url.literal != nil else { continue }
      policy.allowances.insert(.host(url.host, port: url.port))
    }
    return policy
  }
}

extension HTTPURL {
  /// The value of the dimension `hosts`: lower case, `:port` where it is not the scheme's default.
  public var hostFact: String { authority }

  /// The value of the dimension `paths`: without the query.
  public var pathFact: String { String(target.prefix { $0 != "?" }) }
}
