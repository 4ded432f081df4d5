import Testing

@testable import Ethereum

/// The examples of ethereum.org's text on RLP, and what a strict reader refuses.
@Suite struct RLPTests {
  static let lorem = "Lorem ipsum dolor sit amet, consectetur adipisicing elit"
  static let examples: [(RLP, String)] = [
    (.bytes([UInt8]("dog".utf8)), "0x83646f67"),
    (.list([.bytes([UInt8]("cat".utf8)), .bytes([UInt8]("dog".utf8))]), "0xc88363617483646f67"),
    (.bytes([]), "0x80"), (.list([]), "0xc0"), (.integer(UInt64(0)), "0x80"), (.bytes([0]), "0x00"),
    (.integer(UInt64(15)), "0x0f"), (.integer(UInt64(1024)), "0x820400"),
    (.list([.list([]), .list([.list([])]), .list([.list([]), .list([.list([])])])]), "0xc7c0c1c0c3c0c1c0"),
    (.bytes([UInt8](lorem.utf8)), "0xb838" + HexText.encode(lorem.utf8).dropFirst(2)),
  ]

  @Test(arguments: examples) func exampleOfTheSpecification(item: RLP, hex: String) throws {
    #expect(HexText.encode(item.encoded) == hex)
    #expect(try RLP(decoding: try #require(HexText.decode(hex))) == item)
  }

  @Test func longListsHaveLongLengths() throws {
    let item = RLP.list((0..<300).map { .integer(UInt64($0)) })
    #expect(item.encoded.prefix(3) == [0xF9, 0x02, 0x04])
    #expect(try RLP(decoding: item.encoded) == item)
  }

  @Test(arguments: [
    "0x", "0x83646f", "0x8100", "0x817f", "0xb800", "0xb837" + String(repeating: "00", count: 55), "0xb90038", "0x0000",
    "0xc88363617483646f", "0xf800", "0xbfffffffffffffffff", "0xffffffffffffffffff", "0xc2", "0xc281",
    String("0x" + String(repeating: "c1", count: 17) + "c0"),
  ])
  func otherEncodingsAreRefused(hex: String) throws {
    let bytes = try #require(HexText.decode(hex))
    #expect(throws: EthereumError.self) { try RLP(decoding: bytes) }
  }

  @Test func integersHaveNoLeadingZeros() {
    #expect(throws: EthereumError.self) { try RLP.bytes([0]).integer("x") }
    #expect(throws: EthereumError.self) { try RLP.bytes([UInt8](repeating: 1, count: 33)).integer("x") }
    #expect(throws: EthereumError.self) { try RLP.bytes([UInt8](repeating: 1, count: 9)).integer64("x") }
  }
}

@Suite struct AddressTests {
  /// From EIP-55.
  static let checksummed = [
    "0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
  ]

  @Test(arguments: checksummed) func exampleOfEIP55(text: String) throws {
    #expect(try EthereumAddress(text).checksummed == text)
    #expect(try EthereumAddress(text.lowercased()).checksummed == text)
  }

  @Test(arguments: [
    "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED",
    "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x", "",
    "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed0",
    "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg",
  ])
  func anythingElseIsRefused(text: String) {
    #expect(throws: EthereumError.self) { try EthereumAddress(text) }
  }
}
