import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import Ethereum

/// Against eth-abi and eth-account, on random inputs with a fixed seed (Tests/Chain/interop.py).
@Suite(.enabled(if: PythonChain.isInstalled, "the Python tools are not installed; run scripts/setup test"))
struct InteroperabilityTests {
  static let document = Result {
    let result = try Subprocess.run(PythonChain.python, [Vectors.packageRoot + "/Tests/Chain/interop.py"])
    guard result.status == 0 else { throw EthereumError("interop.py", result.errors) }
    return try JSON(parsing: result.output, limits: .document(maxBytes: 16 << 20))
  }

  @Test func callsAreEncodedAndDecodedAlike() throws {
    let cases = try Self.document.get()["abi"]?.array ?? []
    #expect(cases.count == 200)
    for item in cases {
      let function = try FunctionSignature(try #require(item["function"]?.string))
      #expect(function.canonical == item["function"]?.string)
      #expect(HexText.encode(function.selector) == item["selector"]?.string)
      let json = try #require(item["values"])
      let values = try ABIValue.tuple(json, function.inputs, path: "values")
      #expect(JSON.array(values.map(\.json)) == json)
      let data = try ABIEncoder.encode(values, as: function.inputs)
      #expect(HexText.encode(data) == item["data"]?.string)
      #expect(try ABIDecoder.decode(data, as: function.inputs) == values)
      for length in stride(from: 0, to: max(0, data.count - 31), by: 32) {
        _ = try? ABIDecoder.decode([UInt8](data.prefix(length)), as: function.inputs)
      }
    }
  }

  @Test func transactionsAreSignedAlike() throws {
    let cases = try Self.document.get()["transactions"]?.array ?? []
    #expect(cases.count == 60)
    for item in cases {
      let transaction = try Self.transaction(try #require(item["fields"]))
      let signed = try transaction.signed(with: try Self.key(item))
      #expect(HexText.encode(signed.raw) == item["raw"]?.string)
      #expect(HexText.encode(signed.hash) == item["hash"]?.string)
      let read = try SignedTransaction(raw: signed.raw)
      #expect(read == signed)
      #expect(try read.sender().checksummed == item["address"]?.string)
    }
  }

  @Test func typedDataIsHashedAndSignedAlike() throws {
    let cases = try Self.document.get()["typedData"]?.array ?? []
    #expect(cases.count == 40)
    for item in cases {
      let data = try TypedData(json: try #require(item["typedData"]))
      #expect(HexText.encode(data.digest) == item["digest"]?.string)
      let signature = try Self.key(item).sign(digest: data.digest)
      #expect(HexText.encode(signature.signature.p1363 + [27 + signature.recoveryID]) == item["signature"]?.string)
    }
  }

  private static func key(_ item: JSON) throws -> Secp256k1.PrivateKey {
    try Secp256k1.PrivateKey(scalar: SecretBytes(copying: try #require(Hex.decode(item["key"]?.string ?? ""))))
  }

  private static func transaction(_ fields: JSON) throws -> Transaction {
    func number(_ name: String) throws -> UInt256 { try #require(UInt256(fields[name]?.string ?? "")) }
    func small(_ name: String) throws -> UInt64 { try #require(try number(name).uint64) }
    let accesses = try (fields["accessList"]?.array ?? []).map { line in
      Transaction.Access(
        address: try EthereumAddress(line["address"]?.string ?? ""),
        keys: (line["storageKeys"]?.array ?? []).compactMap { $0.string.flatMap(HexText.decode) })
    }
    return Transaction(
      chain: try small("chainId"), nonce: try small("nonce"),
      fees: fields["gasPrice"] == nil
        ? .market(maxFee: try number("maxFeePerGas"), maxPriorityFee: try number("maxPriorityFeePerGas"))
        : .legacy(gasPrice: try number("gasPrice")),
      gas: try small("gas"), to: try fields["to"]?.string.map { try EthereumAddress($0) }, value: try number("value"),
      data: try #require(HexText.decode(fields["data"]?.string ?? "")), accessList: accesses)
  }
}

/// The Python tools that scripts/setup makes.
enum PythonChain {
  static let python = Vectors.packageRoot + "/.build/python/bin/python"
  static var isInstalled: Bool { Subprocess.find(python) != nil }
}
