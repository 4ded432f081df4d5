import Cryptography

/// A transaction as it goes to the network.
public struct SignedTransaction: Sendable, Hashable {
  public let transaction: Transaction
  public let signature: Secp256k1.RecoverableSignature

  /// Bytes of a raw transaction that are read.
  public static let maxBytes = 256 << 10

  init(transaction: Transaction, signature: Secp256k1.RecoverableSignature) {
    self.transaction = transaction
    self.signature = signature
  }

  /// What `eth_sendRawTransaction` takes.
  public var raw: [UInt8] {
    let r = UInt256(bigEndian: signature.signature.p1363[..<32]) ?? .zero
    let s = UInt256(bigEndian: signature.signature.p1363[32...]) ?? .zero
    let parity = UInt64(signature.recoveryID)
    let end = [RLP.integer(r), .integer(s)]
    switch transaction.fees {
    case .legacy:
      // Chains have ids far below 2^62; `init(raw:)` and the settings keep to that.
      let v = transaction.chain * 2 + 35 + parity
      return RLP.list(transaction.fields + [.integer(v)] + end).encoded
    case .market:
      return [Transaction.marketType] + RLP.list(transaction.fields + [.integer(parity)] + end).encoded
    }
  }

  /// The transaction's name on its chain.
  public var hash: [UInt8] { Keccak256.hash(raw) }

  /// Whose key made the signature. Any signature yields some account: compare it with the one that you expect.
  public func sender() throws(EthereumError) -> EthereumAddress {
    do {
      return EthereumAddress(try signature.recoverPublicKey(digest: transaction.signingHash))
    } catch {
      throw EthereumError("signature", "\(error)")
    }
  }

  /// Reads a raw transaction of the two kinds; a legacy one without a chain (before EIP-155) is refused, and so is a
  /// signature with a high s (EIP-2).
  public init(raw bytes: [UInt8]) throws(EthereumError) {
    guard let first = bytes.first, bytes.count <= Self.maxBytes else {
      throw EthereumError("transaction", "expected 1-\(Self.maxBytes) bytes, found \(bytes.count)")
    }
    if first >= 0xC0 {
      try self.init(legacy: try RLP(decoding: bytes).list("transaction"))
    } else if first == Transaction.marketType {
      try self.init(market: try RLP(decoding: [UInt8](bytes.dropFirst())).list("transaction"))
    } else {
      throw EthereumError("transaction", "type \(first) is neither legacy nor 2")
    }
  }

  private init(legacy items: [RLP]) throws(EthereumError) {
    guard items.count == 9 else { throw EthereumError("transaction", "expected 9 fields, found \(items.count)") }
    let v = try items[6].integer64("v")
    guard v >= 37, v < 1 << 62 else { throw EthereumError("v", "\(v) names no chain (EIP-155)") }
    transaction = Transaction(
      chain: (v - 35) / 2, nonce: try items[0].integer64("nonce"),
      fees: .legacy(gasPrice: try items[1].integer("gas price")), gas: try items[2].integer64("gas"),
      to: try Self.destination(items[3]), value: try items[4].integer("value"), data: try items[5].bytes("data"))
    signature = try Self.signature(parity: UInt8((v - 35) % 2), items[7], items[8])
  }

  private init(market items: [RLP]) throws(EthereumError) {
    guard items.count == 12 else { throw EthereumError("transaction", "expected 12 fields, found \(items.count)") }
    var accesses: [Transaction.Access] = []
    for item in try items[8].list("access list") {
      let pair = try item.list("access")
      guard pair.count == 2 else { throw EthereumError("access", "expected 2 fields, found \(pair.count)") }
      var keys: [[UInt8]] = []
      for key in try pair[1].list("storage keys") {
        let bytes = try key.bytes("storage key")
        guard bytes.count == 32 else { throw EthereumError("storage key", "expected 32 bytes, found \(bytes.count)") }
        keys.append(bytes)
      }
      accesses.append(
        Transaction.Access(address: try EthereumAddress(bytes: try pair[0].bytes("address")), keys: keys))
    }
    transaction = Transaction(
      chain: try items[0].integer64("chain"), nonce: try items[1].integer64("nonce"),
      fees: .market(
        maxFee: try items[3].integer("fee"), maxPriorityFee: try items[2].integer("priority fee")),
      gas: try items[4].integer64("gas"), to: try Self.destination(items[5]), value: try items[6].integer("value"),
      data: try items[7].bytes("data"), accessList: accesses)
    let parity = try items[9].integer64("parity")
    guard parity <= 1 else { throw EthereumError("parity", "expected 0 or 1, found \(parity)") }
    signature = try Self.signature(parity: UInt8(parity), items[10], items[11])
  }

  private static func destination(_ item: RLP) throws(EthereumError) -> EthereumAddress? {
    let bytes = try item.bytes("to")
    return bytes.isEmpty ? nil : try EthereumAddress(bytes: bytes)
  }

  private static func signature(
    parity: UInt8, _ r: RLP, _ s: RLP
  ) throws(EthereumError) -> Secp256k1.RecoverableSignature {
    let bytes = try r.integer("r").word + s.integer("s").word
    do {
      let signature = try Secp256k1.Signature(p1363: bytes)
      guard signature.isLowS else { throw CryptographyError.notCanonical("s") }
      return try Secp256k1.RecoverableSignature(signature: signature, recoveryID: parity)
    } catch {
      throw EthereumError("signature", "\(error)")
    }
  }
}
