import Cryptography
import Testing

@testable import Ethereum

@Suite struct TransactionTests {
  /// The example of EIP-155.
  @Test func exampleOfEIP155() throws {
    let key = try Secp256k1.PrivateKey(scalar: SecretBytes(copying: [UInt8](repeating: 0x46, count: 32)))
    let transaction = Transaction(
      chain: 1, nonce: 9, fees: .legacy(gasPrice: UInt256(20_000_000_000)), gas: 21_000,
      to: try EthereumAddress("0x3535353535353535353535353535353535353535"), value: UInt256(1_000_000_000_000_000_000))
    #expect(
      HexText.encode(transaction.signingHash) == "0xdaf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53")
    let signed = try transaction.signed(with: key)
    #expect(
      HexText.encode(signed.raw)
        == "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
    )
    #expect(try signed.sender() == EthereumAddress(key.publicKey))
    #expect(try SignedTransaction(raw: signed.raw) == signed)
  }

  private static func signed(_ fees: Transaction.Fees) throws -> SignedTransaction {
    let key = try Secp256k1.PrivateKey(scalar: SecretBytes(copying: [UInt8](repeating: 7, count: 32)))
    return try Transaction(chain: 1, nonce: 0, fees: fees, gas: 21_000, to: .zero).signed(with: key)
  }

  @Test func changedBytesHaveAnotherSenderOrNone() throws {
    for fees in [
      Transaction.Fees.legacy(gasPrice: UInt256(1)), .market(maxFee: UInt256(2), maxPriorityFee: UInt256(1)),
    ] {
      let signed = try Self.signed(fees)
      let sender = try signed.sender()
      for index in signed.raw.indices {
        var raw = signed.raw
        raw[index] ^= 1
        #expect((try? SignedTransaction(raw: raw).sender()) != sender, "byte \(index)")
      }
      #expect(throws: EthereumError.self) { try SignedTransaction(raw: signed.raw + [0]) }
      #expect(throws: EthereumError.self) { try SignedTransaction(raw: [UInt8](signed.raw.dropLast())) }
    }
  }

  @Test func theTwinWithAHighSIsRefused() throws {
    let order = try #require(UInt256("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"))
    let signed = try Self.signed(.market(maxFee: UInt256(2), maxPriorityFee: UInt256(1)))
    guard case .list(var items) = try RLP(decoding: [UInt8](signed.raw.dropFirst())) else { return }
    let s = try items[11].integer("s")
    items[11] = .integer(try #require(order.subtracting(s)))
    items[9] = .integer(UInt64(1 - signed.signature.recoveryID))
    #expect(throws: EthereumError.self) { try SignedTransaction(raw: [2] + RLP.list(items).encoded) }
  }

  @Test(arguments: [
    "0x", "0x01c0", "0x03c0", "0x02c0", "0xc0", "0x02",
    // Before EIP-155: v is 27 and no chain is signed.
    "0xf85f800182520894000000000000000000000000000000000000000080801ba048b55bfa915ac795c431978d8a6a992b628d557da5ff759b307d495a36649353a01fffd310ac743f371de3b9f7f9cb56c0b28ad43601b4ab949f53faa07bd2c804",
  ])
  func otherFormsAreRefused(hex: String) throws {
    let bytes = try #require(HexText.decode(hex))
    #expect(throws: EthereumError.self) { try SignedTransaction(raw: bytes) }
  }
}
