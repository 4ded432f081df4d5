/// A response whose body has arrived whole.
public struct HTTPClientResponse: Sendable, Hashable {
  public var status: Int
  /// In the order received; repeated fields stay separate.
  public var headers: [HTTPClientHeader]
  /// Empty when the body went to a sink.
  public var body: [UInt8]
  /// The URL that answered, after redirects.
  public var finalURL: String
  /// Address and port of the peer, or `unix:` and a path.
  public var remoteAddress: String

  /// The first field of that name, in any case.
  public func header(_ name: String) -> String? { headers.first { $0.isNamed(name) }?.value }
}

/// Receives a response body while it arrives. Both are called on the client's thread, in order, and hold up every other
/// transfer of the same policy while they run. Throwing ends the transfer.
public struct HTTPClientSink: Sendable {
  /// Status and headers, once, before the first byte.
  public var head: @Sendable (_ status: Int, _ headers: [HTTPClientHeader]) throws -> Void
  /// The buffer is valid during the call only.
  public var bytes: @Sendable (_ bytes: UnsafeRawBufferPointer) throws -> Void

  public init(
    head: @escaping @Sendable (_ status: Int, _ headers: [HTTPClientHeader]) throws -> Void = { _, _ in },
    bytes: @escaping @Sendable (_ bytes: UnsafeRawBufferPointer) throws -> Void
  ) {
    self.head = head
    self.bytes = bytes
  }
}
