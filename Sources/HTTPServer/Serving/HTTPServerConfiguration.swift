import Cryptography

/// Where and within which limits a server works. Every limit has a default that a small machine can bear.
public struct HTTPServerConfiguration: Sendable {
  /// A place to listen at.
  public enum Listener: Sendable {
    /// A numeric IPv4 or IPv6 address; port 0 takes a free one.
    case tcp(address: String, port: UInt16)
    /// The same, with TLS ended in this process. The handshake counts against the header deadline.
    case tls(address: String, port: UInt16, TLSServerContext)
    /// A unix socket, at most 107 bytes of path. A socket that nobody serves any more is replaced; one that is served, or
    /// another kind of file, is not. `mode` is set before the first client can connect.
    case unix(path: String, mode: UInt32)
  }

  /// The `Host` values that are answered. A browser page of another site reaches a loopback port by pointing its own name
  /// at 127.0.0.1 (DNS rebinding); the name then stands in `Host`.
  public enum Hosts: Sendable, Hashable {
    /// Any syntactically valid host.
    case any
    /// These names or addresses, lower case and without port; others get 421. Unix sockets are exempt.
    case only(Set<String>)
  }

  /// The places to listen at.
  public var listeners: [Listener]
  /// Which hosts are answered.
  public var hosts: Hosts = .any
  /// How many reactor threads share the connections, at least 1.
  public var reactors: Int = 1
  /// Sizes and counts.
  public var limits = Limits()
  /// Times.
  public var deadlines = Deadlines()

  /// A configuration with the default limits.
  public init(listeners: [Listener]) { self.listeners = listeners }

  /// Sizes in bytes, and counts.
  public struct Limits: Sendable, Hashable {
    /// The request line without its line end; longer is 414 (or 400 when no target can be told).
    public var requestLine = 8 << 10
    /// All field lines together; more is 431.
    public var headerBytes = 32 << 10
    /// The number of field lines; more is 431.
    public var headerFields = 100
    /// The body when no route says otherwise; more is 413.
    public var body = 1 << 20
    /// Open connections in all; further ones are answered 503 and closed.
    public var connections = 4096
    /// Open connections of one peer: an IPv4 address, an IPv6 /64 network, or a local user. Further ones get 429.
    public var connectionsPerPeer = 1024
    /// Requests on one connection before it is closed.
    public var requestsPerConnection = Int.max
    /// What a connection buffers in either direction before the faster side waits.
    public var buffer = 256 << 10

    /// The defaults.
    public init() {}
  }

  /// How long a client may take. Time that a handler takes is not limited here.
  public struct Deadlines: Sendable, Hashable {
    /// From the first byte of a head (or from connecting) to its end; then 408.
    public var header: Duration = .seconds(10)
    /// A pause in the body. Bytes extend it only at `minimumRate`, so one byte now and then does not; then 408.
    public var body: Duration = .seconds(30)
    /// Between two requests; then the connection is closed.
    public var idle: Duration = .seconds(60)
    /// A pause of a client in reading the response, extended at `minimumRate` likewise; then the connection is cut.
    public var write: Duration = .seconds(30)
    /// How long a closed connection is kept to let the client read the answer.
    public var linger: Duration = .seconds(2)
    /// The least average speed of a body or of reading a response, in bytes per second.
    public var minimumRate = 1024

    /// The defaults.
    public init() {}
  }
}
