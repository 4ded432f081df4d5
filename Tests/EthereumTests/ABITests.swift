import CanonicalJSON
import Testing

@testable import Ethereum

@Suite struct ABITests {
  @Test(arguments: [
    ("transfer(address,uint256)", "0xa9059cbb"),
    ("function transfer(address to, uint256 amount) external returns (bool)", "0xa9059cbb"),
    ("balanceOf(address)", "0x70a08231"), ("baz(uint32,bool)", "0xcdcd77c0"), ("bar(bytes3[2])", "0xfce353f6"),
    ("sam(bytes,bool,uint[])", "0xa5643bf2"), ("f(uint256,uint32[],bytes10,bytes)", "0x8be65246"),
    ("multicall((address target, bytes callData)[] calls)", "0x82ad56cb"),
  ])
  func selectorIsThatOfSolidity(text: String, selector: String) throws {
    let expected =
      text.hasPrefix("multicall")
      ? try FunctionSignature("multicall((address,bytes)[])").selector : HexText.decode(selector)
    #expect(try FunctionSignature(text).selector == expected)
  }

  /// The last example of the ABI specification.
  @Test func exampleOfTheSpecification() throws {
    let function = try FunctionSignature("f(uint256,uint32[],bytes10,bytes)")
    let arguments = try ABIValue.tuple(
      [291, ["1110", "0x789"], "0x31323334353637383930", "0x48656c6c6f2c20776f726c6421"], function.inputs, path: "a")
    let data = try function.call(arguments)
    let words = [
      "8be65246", "0000000000000000000000000000000000000000000000000000000000000123",
      "0000000000000000000000000000000000000000000000000000000000000080",
      "3132333435363738393000000000000000000000000000000000000000000000",
      "00000000000000000000000000000000000000000000000000000000000000e0",
      "0000000000000000000000000000000000000000000000000000000000000002",
      "0000000000000000000000000000000000000000000000000000000000000456",
      "0000000000000000000000000000000000000000000000000000000000000789",
      "000000000000000000000000000000000000000000000000000000000000000d",
      "48656c6c6f2c20776f726c642100000000000000000000000000000000000000",
    ]
    #expect(HexText.encode(data) == "0x" + words.joined())
    #expect(try function.arguments(of: data) == arguments)
    #expect(try FunctionSignature("g()").arguments(of: data) == nil)
  }

  @Test(arguments: [
    "", "f", "f(", "f()x", "f(uint7)", "f(uint264)", "f(bytes0)", "f(bytes33)", "f(uint256[0])", "f(uint256[1025])",
    "f(uint256,)", "f(,uint256)", "f(())", "f(uint256[)", "f(uint256]])", "1f()", "f(uint256 a b)", "f(uint08)",
    "f(function)", "f(fixed128x18)", "f() returns", "f() returns () x", "f(uint256[][][][][][][][][])",
    "f((((((((((uint256))))))))))", "f(uint256)returns(bool)(bool)", "f\u{e9}()",
  ])
  func badSignaturesAreRefused(text: String) {
    #expect(throws: EthereumError.self) { try FunctionSignature(text) }
  }

  @Test func aFunctionIsReadFromItsJSONInterface() throws {
    let json: JSON = [
      "type": "function", "name": "swap", "stateMutability": "view",
      "inputs": [
        [
          "name": "orders", "type": "tuple[2]",
          "components": [["name": "maker", "type": "address"], ["name": "amounts", "type": "uint256[]"]],
        ]
      ],
      "outputs": [["name": "", "type": "bytes32"]],
    ]
    let function = try FunctionSignature(json: json, path: "abi")
    #expect(function.canonical == "swap((address,uint256[])[2])")
    #expect(function.outputs == [ABIParameter(type: .fixedBytes(32))])
    let order: JSON = ["maker": "0xde709f2102306220921060314715629080e2fb77", "amounts": [1, "2"]]
    #expect(throws: Never.self) { try ABIValue.tuple(["orders": [order, order]], function.inputs, path: "a") }
    #expect(throws: FieldError.self) { try ABIValue.tuple(["orders": [order]], function.inputs, path: "a") }
    #expect(throws: FieldError.self) {
      try ABIValue.tuple(["orders": [order, order], "more": 1], function.inputs, path: "a")
    }
  }

  @Test(
    arguments: [
      ("uint8", "256"), ("uint8", "-1"), ("uint8", .double(1.5)), ("int8", "128"), ("int8", "-129"), ("bool", 1),
      ("bool", "true"),
      ("address", "0xDE709f2102306220921060314715629080e2fb77"), ("bytes4", "0x001122"), ("bytes", "0x1"),
      ("bytes", "1234"), ("string", 5), ("uint256[2]", [1]), ("uint256[]", 1), ("(uint256)", 1), ("uint256", nil),
    ] as [(String, JSON)])
  func valuesThatDoNotFitAreRefused(type: String, value: JSON) throws {
    let function = try FunctionSignature("f(\(type))")
    #expect(throws: FieldError.self) { try ABIValue.tuple([value], function.inputs, path: "a") }
  }

  private static func decode(_ type: String, _ words: [String]) throws -> [ABIValue] {
    let padded = words.map { String(repeating: "0", count: 64 - $0.count) + $0 }.joined()
    return try ABIDecoder.decode(
      try #require(HexText.decode("0x" + padded)), as: try FunctionSignature("f(\(type))").inputs)
  }

  @Test(arguments: [
    ("uint8", ["100"]), ("int8", ["80"]), ("int8", ["ff"]), ("bool", ["2"]),
    ("address", ["010000000000000000000000000000000000000000"]), ("uint256", []), ("bytes", ["20"]),
    ("bytes", ["20", "21", "0"]), ("bytes", ["ffffffffffffffffffffffff"]), ("string", ["20", "ff"]),
    ("uint256[]", ["20", "2", "1"]), ("uint256[]", ["20", "ffffffffffffffff"]), ("uint256[2]", ["1"]),
    ("uint256[]", ["8000000000000000", "1"]), ("bytes4", ["1"]),
    ("bytes", ["20", "1", "ff00000000000000000000000000000000000000000000000000000000000001"]),
    ("string", ["20", "1", "ff00000000000000000000000000000000000000000000000000000000000000"]),
  ])
  func foreignDataIsReadStrictly(type: String, words: [String]) {
    #expect(throws: EthereumError.self) { try Self.decode(type, words) }
  }

  /// Each array's elements are all the array itself: 4 levels of 64 are 16 million values.
  @Test func overlappingOffsetsAreBounded() throws {
    func array(_ count: Int, of word: String) -> [String] {
      [String(count, radix: 16)] + [String](repeating: word, count: count)
    }
    let offset = String(64 * 32, radix: 16)
    let words = ["20"] + array(64, of: offset) + array(64, of: offset) + array(64, of: offset) + array(64, of: "0")
    #expect((try? Self.decode("uint256[][][][]", words)) == nil)
    #expect(try Self.decode("uint256[][]", ["20"] + words[131...]).count == 1)
    let zeros = [String](repeating: "0", count: 1024)
    #expect((try? Self.decode("bytes[]", ["20"] + array(33, of: "420") + ["8000"] + zeros)) == nil)
    #expect(try Self.decode("bytes[]", ["20"] + array(32, of: "400") + ["8000"] + zeros).count == 1)
  }

  @Test func reasonsOfARevertAreRead() throws {
    let message = try FunctionSignature("Error(string)").call([.string("not the owner")])
    #expect(RevertReason(message) == .message("not the owner"))
    #expect(RevertReason(try FunctionSignature("Panic(uint256)").call([.uint(UInt256(17))])) == .panic(UInt256(17)))
    #expect(RevertReason([]) == .none)
    #expect(RevertReason([1, 2, 3]) == .other([1, 2, 3]))
    #expect(RevertReason([0x08, 0xC3, 0x79, 0xA0, 1]).description == "error 0x08c379a0")
  }
}
