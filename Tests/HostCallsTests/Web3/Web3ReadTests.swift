import CanonicalJSON
import Cryptography
import Ethereum
import Testing

@testable import HostCalls

extension Web3ChainTests {
  @Suite(.serialized) struct Reading {
    @Test func everyKindIsAnswered() async throws {
      let bench = try await Web3Bench()
      let sent = try await bench.send(["to": .string(Sending.receiver), "value": "3"])
      let (hash, block) = (try #require(sent.result["hash"]), try #require(sent.result["block"]))
      let wallet = JSON.string(bench.wallet.address.lowercased)
      func read(_ arguments: JSONObject) async throws -> JSON { try await bench.read(arguments).get() }
      #expect(try await read(["method": "balance", "address": .string(Sending.receiver)])["wei"]?.string != nil)
      #expect((try await read(["method": "nonce", "address": wallet])["nonce"]?.integer ?? 0) > 0)
      #expect(try await read(["method": "code", "contract": wallet])["code"] == "0x")
      #expect(try await read(["method": "gasPrice"])["wei"]?.string != nil)
      #expect(try await read(["method": "block", "block": block])["block"]?["transactions"] == [hash])
      #expect(try await read(["method": "block"])["block"]?["number"] == block)
      let transaction = try await read(["method": "transaction", "hash": hash])["transaction"]
      #expect(transaction?["value"] == "3")
      #expect(transaction?["from"]?.string == bench.wallet.address.checksummed)
      #expect(try await read(["method": "receipt", "hash": hash])["receipt"]?["status"] == 1)
      let none: JSON = .string(HexText.encode([UInt8](repeating: 5, count: 32)))
      #expect(try await read(["method": "receipt", "hash": none])["receipt"] == .null)
      #expect(try await read(["method": "logs", "from": block, "to": block])["logs"] == [])
    }

    @Test(arguments: [
      ("429", "rate_limited"), ("500", "upstream"), ("garbage", "upstream"), ("truncated", "upstream"),
    ])
    func faultsOfTheNodeAreNamed(fault: String, code: String) async throws {
      let bench = try await Web3Bench()
      try await bench.chain.ask("test_fault", "eth_gasPrice", .string(fault))
      guard case .failure(let error) = try await bench.read(["method": "gasPrice"]) else {
        Issue.record("the node's fault went unnoticed")
        return
      }
      #expect(error.code == code)
      if fault == "429" { #expect(error.details["retryAfter"] == 0) }
    }

    @Test func aNodeOfAnotherChainIsNotBelieved() async throws {
      let bench = try await Web3Bench()
      try await bench.chain.ask("test_override", "eth_chainId", "0x1")
      guard case .failure(let error) = try await bench.read(["method": "gasPrice"]) else {
        Issue.record("another chain was read")
        return
      }
      #expect(error.code == "upstream")
      #expect(try await bench.chain.count("eth_gasPrice") == 0)
    }

    /// A node that sends the route's secret back does not get it to the tool, nor is it in the errors.
    @Test func theSecretOfTheRouteStaysInTheBox() async throws {
      var bench = try await Web3Bench()
      bench.route["url"] = .string(bench.chain.url + "?key={{keychain:rpc}}")
      bench.route["authorization"] = "Bearer {{keychain:rpc}}"
      try await bench.chain.ask("test_fault", "eth_gasPrice", "reflect")
      guard case .observe(let look) = try bench.plan("Web3.read", ["method": "gasPrice"]).step else { return }
      let outcome = await look()
      guard case .failure(let error) = outcome.result else {
        Issue.record("no error")
        return
      }
      #expect(error.message.contains("Bearer [redacted]"))
      #expect(!"\(error)\(error.json.canonicalString())".contains(Web3Bench.token))
      #expect(outcome.secrets == ["rpc@1"])
      // To another host it does not go at all.
      bench.route["url"] = "https://rpc.example/{{keychain:rpc}}"
      guard case .failure(let other) = try await bench.read(["method": "gasPrice"]) else { return }
      #expect(other.code == "not_granted")
    }

    @Test func privateAddressesNeedTheOwnersWord() async throws {
      let bench = try await Web3Bench()
      var settings = try bench.settings()
      settings.egress = []
      var context = try bench.context()
      context.settings = settings
      let plan = try Web3Call(bench.services).plan(
        "Web3.read", arguments: ["chain": .integer(bench.chain.id), "method": "gasPrice"], in: context)
      guard case .observe(let look) = plan.step, case .failure(let error) = await look().result else {
        Issue.record("the node was reached")
        return
      }
      #expect(error.code == "unreachable")
    }
  }

  @Suite(.serialized) struct Signing {
    static func typedData(chain: Int64) -> JSON {
      [
        "types": ["Permit": [["name": "spender", "type": "address"], ["name": "value", "type": "uint256"]]],
        "primaryType": "Permit",
        "domain": [
          "name": "Token", "chainId": .integer(chain),
          "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
        ], "message": ["spender": .string(Sending.receiver), "value": "5"],
      ]
    }

    @Test func typedDataIsSignedByTheAccount() async throws {
      let bench = try await Web3Bench()
      let data = Self.typedData(chain: bench.chain.id)
      let plan = try bench.plan("Web3.sign", ["account": "treasury", "typedData": data])
      #expect(
        plan.facts == [["chains": "\(bench.chain.id)", "contracts": "0xcccccccccccccccccccccccccccccccccccccccc"]])
      let params = try bench.params("Web3.sign", ["account": "treasury", "typedData": data])
      let executor = Web3SignExecutor(bench.services)
      try executor.validate(params: .object(params))
      let order = try bench.order("web3.sign", params)
      let outcome = await executor.execute(order)
      #expect(outcome.name == "executed", "\(outcome.result)")
      let bytes = try #require(HexText.decode(outcome.opening?.value["signature"]?.string ?? ""))
      let signature = try Secp256k1.RecoverableSignature(
        signature: try Secp256k1.Signature(p1363: [UInt8](bytes.prefix(64))), recoveryID: bytes[64] - 27)
      let digest = try TypedData(json: data).digest
      #expect(EthereumAddress(try signature.recoverPublicKey(digest: digest)) == bench.wallet.address)
      #expect(!JSON.object(outcome.result).canonicalString().contains(HexText.encode(bytes).dropFirst(2)))
      #expect(await executor.reconcile(order).opening?.value == outcome.opening?.value)
    }

    @Test func whatIsApprovedAndWhatIsSignedAreOne() async throws {
      let bench = try await Web3Bench()
      let executor = Web3SignExecutor(bench.services)
      let params = try bench.params(
        "Web3.sign", ["account": "treasury", "typedData": Self.typedData(chain: bench.chain.id)])
      func refused(_ name: String, _ value: JSON) -> Bool {
        var changed = params
        changed[name] = value
        do {
          try executor.validate(params: .object(changed))
          return false
        } catch {
          return true
        }
      }
      #expect(refused("summary", "Signs nothing of note"))
      #expect(refused("chain", 1))
      #expect(refused("address", .string(bench.other.address.checksummed)))
      #expect(refused("message", ["spender": .string(Sending.receiver), "value": "5", "more": 1]))
      #expect(refused("domain", ["name": "Token"]))
      #expect(refused("primaryType", "Other"))
      #expect(refused("extra", 1))
      #expect(!refused("message", params["message"] ?? .null))
    }

    @Test func aSignatureForAnotherChainOrEveryChainIsRefused() async throws {
      let bench = try await Web3Bench()
      var everywhere = Self.typedData(chain: 1).object ?? [:]
      everywhere["domain"] = ["name": "Token"]
      for data in [Self.typedData(chain: 1), .object(everywhere)] {
        #expect(throws: HostCallError.self) {
          try bench.params("Web3.sign", ["account": "treasury", "typedData": data])
        }
      }
    }
  }

  /// The key is in no text that leaves the executor, whatever goes wrong.
  @Suite(.serialized) struct Canary {
    @Test func theKeyAppearsNowhere() async throws {
      let bench = try await Web3Bench()
      let key = Hex.encode(bench.wallet.scalar)
      var texts: [String] = []
      for (index, fault) in [nil, "reflect", "garbage"].enumerated() {
        if let fault { try await bench.chain.ask("test_fault", "eth_sendRawTransaction", .string(fault)) }
        let outcome = try await bench.send(["to": .string(Sending.receiver), "value": "1"], number: UInt8(index))
        texts.append("\(outcome)" + JSON.object(outcome.result).canonicalString())
        texts.append(outcome.opening?.json.canonicalString() ?? "")
      }
      let journal = try bench.directory.read("transactions/transactions.sqlite")
      texts.append(Hex.encode(journal))
      texts.append(String(decoding: journal, as: UTF8.self))
      for text in texts { #expect(!text.contains(key)) }
    }
  }
}
