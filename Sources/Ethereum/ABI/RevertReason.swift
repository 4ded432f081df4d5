/// What a contract said when it undid a call.
public enum RevertReason: Sendable, Hashable, CustomStringConvertible {
  /// `revert("...")` and `require(..., "...")`.
  case message(String)
  /// An arithmetic overflow, a failed assertion and the like, by Solidity's number.
  case panic(UInt256)
  /// An error of the contract's own, or anything else; the raw data.
  case other([UInt8])
  case none

  public init(_ data: [UInt8]) {
    let selector = [UInt8](data.prefix(4))
    let body = [UInt8](data.dropFirst(4))
    if data.isEmpty {
      self = .none
    } else if selector == [0x08, 0xC3, 0x79, 0xA0],
      case .string(let text)? = try? ABIDecoder.decode(body, as: [ABIParameter(type: .string)]).first
    {
      self = .message(text)
    } else if selector == [0x4E, 0x48, 0x7B, 0x71],
      case .uint(let code)? = try? ABIDecoder.decode(body, as: [ABIParameter(type: .uint(bits: 256))]).first
    {
      self = .panic(code)
    } else {
      self = .other(data)
    }
  }

  public var description: String {
    switch self {
    case .message(let text): text
    case .panic(let code): "panic \(code.quantity)"
    case .other(let data): "error \(HexText.encode(data.prefix(4)))"
    case .none: "no reason given"
    }
  }
}
