import CanonicalJSON
import Ethereum
import Governance
import HTTPClient
import Keychain
import Testing

@testable import HostCalls

/// What approvers and policies see of a transaction, and what settings are read.
@Suite struct Web3ParamsTests {
  static let contract = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

  static func transfer() throws -> JSONObject {
    let function = try FunctionSignature("transfer(address to, uint256 amount)")
    let arguments: [ABIValue] = [.address(.zero), .uint(UInt256(1000))]
    return Web3SendParams(
      community: "acme", chain: 1, account: "treasury", from: .zero, to: try EthereumAddress(contract),
      value: UInt256(1_000_000_001), call: Web3SendParams.Call(function: function, arguments: arguments),
      data: try function.call(arguments), isLegacy: false, gas: 60_000,
      fees: .market(maxFee: UInt256(2_000_000_000), maxPriorityFee: UInt256(1)), maxFee: UInt256(120_000_000_000_000)
    ).json
  }

  @Test func paramsSayInWordsAndNumbersWhatTheBytesDo() throws {
    let params = try Self.transfer()
    #expect(params["function"] == "transfer(address,uint256)")
    #expect(params["selector"] == "0xa9059cbb")
    #expect(params["arguments"] == ["0x0000000000000000000000000000000000000000", "1000"])
    #expect(params["value"] == "1000000001")
    #expect(params["valueGwei"] == 2, "rounded up: a policy never sees less than is sent")
    #expect(params["maxFeeGwei"] == 120_000)
    #expect(params["nonce"] == "next")
    #expect(
      params["summary"]
        == .string(
          "On chain 1, from \(EthereumAddress.zero): send 0.000000001000000001 coins (1000000001 wei) to \(Self.contract) and "
            + "call transfer(address,uint256) of \(Self.contract); gas may cost at most 0.00012 coins (120000000000000 wei)."
        ))
    let read = try Web3SendParams(json: .object(params))
    #expect(read.json == params)
  }

  @Test(
    arguments: [
      ("value", "1000000002"), ("valueGwei", 1), ("valueGwei", nil), ("maxFeeGwei", 1), ("summary", "Send nothing"),
      ("function", "approve(address,uint256)"), ("function", "transfer(address to,uint256 amount)"),
      ("selector", "0x00000000"),
      ("selector", nil), ("arguments", ["0x0000000000000000000000000000000000000000", "1001"]),
      ("arguments", ["0x0000000000000000000000000000000000000000", 1000]), ("data", "0xa9059cbb"), ("data", nil),
      ("nonce", "5"), ("type", "eip4844"), ("type", "legacy"), ("maxFee", "119999999999999"), ("gas", 20_999),
      ("to", "create"), ("to", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"), ("chain", 0), ("gasPrice", "1"),
      ("maxPriorityFeePerGas", "2000000001"), ("value", "0x1"), ("value", "9007199254740992000000001"), ("extra", 1),
    ] as [(String, JSON?)])
  func paramsThatDisagreeWithThemselvesAreRefused(name: String, value: JSON?) throws {
    var params = try Self.transfer()
    params[name] = value
    #expect(throws: FieldError.self) { try Web3SendParams(json: .object(params)) }
  }

  @Test func dataMayStandForACommitment() throws {
    var params = try Self.transfer()
    params["data"] = Commitment(digest: .of("x")).json
    let read = try Web3SendParams(json: .object(params))
    #expect(read.data == nil)
    // Opened to another call, it is refused.
    params["data"] = "0x095ea7b3"
    #expect(throws: FieldError.self) { try Web3SendParams(json: .object(params)) }
  }

  @Test func weiAreShownAsCoinsExactly() throws {
    for (wei, coins) in [
      ("0", "0"), ("1", "0.000000000000000001"), ("1000000000000000000", "1"), ("1500000000000000000", "1.5"),
      ("123456789000000000000000000", "123456789"),
    ] { #expect(Web3SendParams.coins(try #require(UInt256(wei))) == coins) }
    #expect(Web3SendParams.gwei(.zero) == 0)
    #expect(Web3SendParams.gwei(UInt256(1)) == 1)
    #expect(Web3SendParams.gwei(.max) == nil)
  }

  static let route: JSONObject = [
    "id": 1, "url": "https://rpc.example/v3/{{keychain:rpc}}", "authorization": "Bearer {{keychain:rpc}}",
    "accounts": [["name": "treasury", "secret": "treasury-key", "address": .string(contract)]],
    "limits": ["value": "1", "fee": "2"],
  ]

  @Test func aRouteIsRead() throws {
    let route = try ChainRoute(json: .object(Self.route), path: "chains[0]")
    #expect(route.destination == "rpc.example:443")
    #expect(route.keyHost == "chain-1")
    #expect(route.wait == 120)
    #expect((route.maxValue, route.maxFee) == (UInt256(1), UInt256(2)))
    var unlimited = Self.route
    unlimited["limits"] = nil
    #expect(try ChainRoute(json: .object(unlimited), path: "").maxFee == .zero, "without limits nothing is sent")
  }

  @Test(
    arguments: [
      ("id", 0), ("id", "1"), ("url", "https://{{keychain:rpc}}/"), ("url", "https://{{keychain:rpc}}.example/"),
      ("url", "https://rpc.example{{keychain:rpc}}"), ("url", "http://rpc.example/"), ("url", "ftp://rpc.example/"),
      ("url", ""),
      ("limits", ["value": 1, "fee": "2"]), ("limits", ["value": "1"]), ("wait", 0), ("extra", 1),
      ("accounts", [["name": "A", "secret": "s", "address": .string(contract)]]),
      ("accounts", [["name": "a", "secret": "s", "address": "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED"]]),
    ] as [(String, JSON)])
  func badRoutesAreRefused(name: String, value: JSON) {
    var route = Self.route
    route[name] = value
    #expect(throws: FieldError.self) { try ChainRoute(json: .object(route), path: "chains[0]") }
  }
}
