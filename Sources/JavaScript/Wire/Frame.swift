/// One message between the host and a worker: u32 little-endian length of the payload, u8 type, payload.
public struct Frame: Sendable, Hashable {
  public enum Kind: UInt8, Sendable, Hashable, CaseIterable {
    /// From the worker, first of all.
    case ready = 0
    /// From the host, once.
    case program = 1
    /// From the host.
    case answer = 2
    /// From the worker.
    case turn = 3
  }

  /// 4 MiB + 64 KiB: the greatest program and the greatest turn fit.
  public static let maxPayloadBytes = (4 << 20) + (64 << 10)
  public static let headerBytes = 5

  public var kind: Kind
  public var payload: [UInt8]

  public init(_ kind: Kind, _ payload: [UInt8]) {
    self.kind = kind
    self.payload = payload
  }

  /// As it goes over the stream.
  public var encoded: [UInt8] {
    precondition(payload.count <= Self.maxPayloadBytes, "a frame of \(payload.count) bytes")
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.headerBytes + payload.count)
    let length = UInt32(payload.count)
    for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: length >> shift)) }
    bytes.append(kind.rawValue)
    return bytes + payload
  }
}

/// What is wrong with bytes that should be frames. There is no way to go on after it.
public enum FrameFault: Error, Sendable, Hashable, CustomStringConvertible {
  case unknownKind(UInt8)
  case tooLong(bytes: Int)
  /// A kind of frame that the other side does not send, or not now.
  case unexpected(Frame.Kind)
  /// The payload ends within a field.
  case truncated
  case trailingBytes(Int)
  case badField(String)

  public var description: String {
    switch self {
    case .unknownKind(let kind): "a frame of the unknown kind \(kind)"
    case .tooLong(let bytes): "a frame of \(bytes) bytes"
    case .unexpected(let kind): "a frame of the kind \(kind), which does not come here"
    case .truncated: "a frame that ends within a field"
    case .trailingBytes(let count): "a frame with \(count) bytes behind its last field"
    case .badField(let name): "a frame whose field \(name) is not as it must be"
    }
  }
}

/// Takes a stream of bytes apart into frames. A header that cannot be right is refused before its payload is there.
public struct FrameReader: Sendable {
  private var buffer: [UInt8] = []
  private var start = 0

  public init() {}

  public mutating func append(_ bytes: some Collection<UInt8>) {
    if start == buffer.count {
      buffer.removeAll(keepingCapacity: true)
      start = 0
    } else if start > 1 << 16 {
      buffer.removeSubrange(..<start)
      start = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// True when nothing of a frame is there.
  public var isEmpty: Bool { start == buffer.count }

  /// The next whole frame.
  public mutating func next() throws(FrameFault) -> Frame? {
    guard buffer.count - start >= Frame.headerBytes else { return nil }
    let length = (0..<4).reduce(0) { $0 | Int(buffer[start + $1]) << (8 * $1) }
    guard let kind = Frame.Kind(rawValue: buffer[start + 4]) else { throw .unknownKind(buffer[start + 4]) }
    guard length <= Frame.maxPayloadBytes else { throw .tooLong(bytes: length) }
    let body = start + Frame.headerBytes
    guard buffer.count - body >= length else { return nil }
    start = body + length
    return Frame(kind, Array(buffer[body..<start]))
  }
}
