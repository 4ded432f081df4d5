import Cryptography

/// A transaction before it is signed: legacy with replay protection (EIP-155), or with a fee market (EIP-1559).
public struct Transaction: Sendable, Hashable {
  /// What is paid for a unit of gas, in wei.
  public enum Fees: Sendable, Hashable {
    /// Legacy: one price.
    case legacy(gasPrice: UInt256)
    /// EIP-1559: at most `maxFee` in all, of which at most `maxPriorityFee` goes to the block's producer.
    case market(maxFee: UInt256, maxPriorityFee: UInt256)

    /// The most that a unit can cost.
    public var ceiling: UInt256 {
      switch self {
      case .legacy(let gasPrice): gasPrice
      case .market(let maxFee, _): maxFee
      }
    }
  }

  /// One line of an access list (EIP-2930): a contract, and its storage keys of 32 bytes.
  public struct Access: Sendable, Hashable {
    public var address: EthereumAddress
    public var keys: [[UInt8]]

    public init(address: EthereumAddress, keys: [[UInt8]]) {
      self.address = address
      self.keys = keys
    }
  }

  public var chain: UInt64
  public var nonce: UInt64
  public var fees: Fees
  public var gas: UInt64
  /// nil creates a contract.
  public var to: EthereumAddress?
  /// In wei.
  public var value: UInt256
  public var data: [UInt8]
  /// Only with the fees of a market.
  public var accessList: [Access]

  public init(
    chain: UInt64, nonce: UInt64, fees: Fees, gas: UInt64, to: EthereumAddress?, value: UInt256 = .zero,
    data: [UInt8] = [], accessList: [Access] = []
  ) {
    self.chain = chain
    self.nonce = nonce
    self.fees = fees
    self.gas = gas
    self.to = to
    self.value = value
    self.data = data
    self.accessList = accessList
  }

  /// The most that gas can cost, in wei; nil where that has more than 256 bits.
  public var maxCost: UInt256? { fees.ceiling.multiplied(by: UInt256(gas)) }

  /// The type's number (EIP-2718); none for legacy.
  static let marketType: UInt8 = 2

  /// What is signed.
  public var signingHash: [UInt8] {
    switch fees {
    case .legacy: Keccak256.hash(RLP.list(fields + [.integer(chain), .bytes([]), .bytes([])]).encoded)
    case .market: Keccak256.hash([Self.marketType] + RLP.list(fields).encoded)
    }
  }

  /// Signs. The same transaction and key always yield the same bytes (RFC 6979).
  public func signed(with key: Secp256k1.PrivateKey) throws(CryptographyError) -> SignedTransaction {
    SignedTransaction(transaction: self, signature: try key.sign(digest: signingHash))
  }

  /// The fields that are signed, in the order of the encoding.
  var fields: [RLP] {
    let destination = RLP.bytes(to?.bytes ?? [])
    switch fees {
    case .legacy(let gasPrice):
      return [.integer(nonce), .integer(gasPrice), .integer(gas), destination, .integer(value), .bytes(data)]
    case .market(let maxFee, let maxPriorityFee):
      let accesses = accessList.map { RLP.list([.bytes($0.address.bytes), .list($0.keys.map(RLP.bytes))]) }
      return [
        .integer(chain), .integer(nonce), .integer(maxPriorityFee), .integer(maxFee), .integer(gas), destination,
        .integer(value), .bytes(data), .list(accesses),
      ]
    }
  }
}
