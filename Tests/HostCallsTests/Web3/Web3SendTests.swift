import CanonicalJSON
import Cryptography
import Ethereum
import Governance
import Testing

@testable import HostCalls

/// All that use the local chain, one after the other.
@Suite(.serialized, .enabled(if: LocalChain.isInstalled, "the Python tools are not installed; run scripts/setup test"))
struct Web3ChainTests {}

extension Web3ChainTests {
  /// `web3.send` on a whole chain: what is mined, refused, undone, repeated and lost.
  @Suite(.serialized) struct Sending {
    static let receiver = "0x00000000000000000000000000000000000A11cE".lowercased()

    @Test(arguments: [false, true]) func aTransferIsMined(isLegacy: Bool) async throws {
      let bench = try await Web3Bench()
      let to = try EthereumAddress(Self.receiver)
      let before = try await bench.chain.balance(to)
      let outcome = try await bench.send([
        "to": .string(Self.receiver), "value": "1500000000000000000", "legacy": .bool(isLegacy),
      ])
      #expect(outcome.name == "executed", "\(outcome.result)")
      #expect(outcome.result["status"] == 1)
      #expect(outcome.result["gasUsed"] == 21_000)
      #expect((outcome.result["block"]?.integer ?? 0) > 0)
      #expect(try await bench.chain.balance(to).subtracting(before) == UInt256("1500000000000000000"))
      let raw = try SignedTransaction(raw: try #require(HexText.decode(try await bench.chain.raws().first ?? "")))
      #expect(try raw.sender() == bench.wallet.address)
      if case .legacy = raw.transaction.fees { #expect(isLegacy) } else { #expect(!isLegacy) }
      #expect(outcome.result["hash"] == .string(HexText.encode(raw.hash)))
      #expect(outcome.result["secrets"] == ["treasury-key@1"])
    }

    @Test func aContractIsCreatedCalledAndRead() async throws {
      let bench = try await Web3Bench()
      let made = try await bench.send(["data": .string(NumberKeeper.creation)])
      #expect(made.name == "executed", "\(made.result)")
      let contract = try #require(made.result["contract"]?.string)
      let called = try await bench.send(
        ["to": .string(contract), "function": "set(uint256)", "arguments": ["123456789012345678901234567890"]],
        number: 1)
      #expect(called.name == "executed", "\(called.result)")
      let logs = try #require(called.opening?.value["logs"]?.array)
      #expect(logs.first?["address"]?.string == contract)
      #expect(called.opening?.commitment.json == called.result["details"])
      let read = try await bench.read([
        "method": "call", "contract": .string(contract), "function": "get() view returns (uint256)",
      ]).get()
      #expect(read["values"] == ["123456789012345678901234567890"])
      let block = try #require(called.result["block"])
      let found = try await bench.read([
        "method": "logs", "contract": .string(contract), "from": block, "to": block,
        "topics": [.string(HexText.encode(UInt256(1).word))],
      ]).get()
      #expect(found["logs"]?.array?.count == 1)
      guard
        case .failure(let error) = try await bench.read([
          "method": "call", "contract": .string(contract), "function": "steal()",
        ])
      else {
        Issue.record("the contract did not undo the call")
        return
      }
      #expect(error.code == "failed")
      #expect(error.message.contains("not permitted"))
    }

    @Test func aCallThatWouldBeUndoneIsNotSent() async throws {
      let bench = try await Web3Bench()
      let made = try await bench.send(["data": .string(NumberKeeper.creation)])
      let contract = try #require(made.result["contract"])
      let sent = try await bench.chain.raws().count
      let outcome = try await bench.send(["to": contract, "function": "steal()"], number: 1)
      #expect(outcome.name == "failed")
      #expect(outcome.opening?.value["message"] == "not permitted")
      #expect(try await bench.chain.raws().count == sent)
      #expect(
        !JSON.object(outcome.result).canonicalString().contains("permitted"), "a stranger's text stays out of the log")
    }

    @Test func aTransactionThatTheChainUndoesHasFailed() async throws {
      let bench = try await Web3Bench()
      let made = try await bench.send(["data": .string(NumberKeeper.creation)])
      // With pinned gas nothing is estimated, and the call goes out.
      let outcome = try await bench.send(
        ["to": try #require(made.result["contract"]), "function": "steal()", "gas": 60_000], number: 1)
      #expect(outcome.name == "failed")
      #expect(outcome.result["status"] == 0)
      #expect((outcome.result["gasUsed"]?.integer ?? 0) > 21_000)
      #expect(outcome.opening?.value["reason"] == "not permitted")
    }

    @Test func aNodeOfAnotherChainGetsNothing() async throws {
      let bench = try await Web3Bench()
      try await bench.chain.ask("test_override", "eth_chainId", "0x1")
      let outcome = try await bench.send(["to": .string(Self.receiver), "value": "1"])
      #expect(outcome.name == "failed")
      #expect(outcome.result["reason"]?.string?.contains("chain 1") == true)
      #expect(try await bench.chain.raws().isEmpty)
    }

    @Test func limitsAndFundsAreHeldBeforeAnythingIsSigned() async throws {
      var bench = try await Web3Bench()
      #expect(throws: HostCallError.self) {
        try bench.params(
          "Web3.send", ["account": "treasury", "to": .string(Self.receiver), "value": "2000000000000000001"])
      }
      #expect(throws: HostCallError.self) {
        try bench.params(
          "Web3.send", ["account": "treasury", "to": .string(Self.receiver), "maxFee": "10000000000000001"])
      }
      let params = try bench.params("Web3.send", ["account": "treasury", "to": .string(Self.receiver), "value": "5"])
      // Approved, and then the owners lower the limit.
      bench.route["limits"] = ["value": "4", "fee": "10000000000000000"]
      let lowered = try await bench.sender().execute(try bench.order("web3.send", params))
      #expect(lowered.name == "failed")
      #expect(lowered.result["reason"]?.string?.contains("over the limit of 4") == true)
      bench.route["limits"] = ["value": "5", "fee": "1"]
      #expect(try await bench.sender().execute(try bench.order("web3.send", params)).name == "failed")
      bench.route["limits"] = ["value": "99999999999999999999999999", "fee": "10000000000000000"]
      // The node takes any estimate for granted; the account has a million coins.
      let poor = try await bench.send([
        "to": .string(Self.receiver), "value": "8999999000000000000000000", "gas": 21_000,
      ])
      #expect(poor.name == "failed")
      #expect(poor.result["reason"]?.string?.contains("insufficient funds") == true)
      let dear = try await bench.send(["to": .string(Self.receiver), "maxFee": "1000000"])
      #expect(dear.name == "failed")
      #expect(try await bench.chain.raws().isEmpty)
    }

    @Test func theAccountMustBeTheOneThatWasApproved() async throws {
      var bench = try await Web3Bench()
      let params = try bench.params("Web3.send", ["account": "treasury", "to": .string(Self.receiver), "value": "1"])
      func reroute(_ secret: String, _ wallet: Web3Bench.Wallet) {
        bench.route["accounts"] = [
          ["name": "treasury", "secret": .string(secret), "address": .string(wallet.address.checksummed)]
        ]
      }
      reroute("other-key", bench.other)
      let replaced = try await bench.sender().execute(try bench.order("web3.send", params))
      #expect(replaced.name == "failed")
      // The address stays, the key behind it does not.
      reroute("other-key", bench.wallet)
      #expect(try await bench.sender().execute(try bench.order("web3.send", params)).name == "failed")
      reroute("rpc", bench.wallet)
      #expect(try await bench.sender().execute(try bench.order("web3.send", params)).name == "failed")
      reroute("nothing", bench.wallet)
      #expect(try await bench.sender().execute(try bench.order("web3.send", params)).name == "failed")
      #expect(try await bench.chain.raws().isEmpty)
    }

    @Test func aKeyIsBoundToItsChainOrNode() async throws {
      let chain = try await LocalChain.shared
      for (hosts, name) in [
        (["chain-\(chain.id)"], "executed"), (["http://\(chain.address)"], "executed"), ([chain.address], "failed"),
        (["chain-1", "bank.example"], "failed"),
      ] {
        let bench = try await Web3Bench(bound: hosts)
        #expect(try await bench.send(["to": .string(Self.receiver), "value": "1"]).name == name, "\(hosts)")
      }
    }

    @Test func manyAtOnceHaveTheirOwnNonces() async throws {
      let bench = try await Web3Bench()
      let executor = try bench.sender()
      var orders: [ExecutionOrder] = []
      for number in 0..<8 as Range<UInt8> {
        let params = try bench.params(
          "Web3.send", ["account": "treasury", "to": .string(Self.receiver), "value": .string("\(number + 1)")])
        orders.append(try bench.order("web3.send", params, number: number))
      }
      let outcomes = await withTaskGroup(of: ExecutionOutcome.self) { group in
        for order in orders { group.addTask { await executor.execute(order) } }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(outcomes.map(\.name) == Array(repeating: "executed", count: 8))
      #expect(Set(outcomes.compactMap { $0.result["nonce"]?.integer }).count == 8)
      #expect(try await bench.chain.raws().count == 8)
    }

    @Test func aPendingTransactionKeepsItsNonce() async throws {
      var bench = try await Web3Bench()
      bench.route["wait"] = 1
      try await bench.chain.ask("test_automine", false)
      let first = try await bench.send(["to": .string(Self.receiver), "value": "1"])
      // eth-tester counts no pending transaction: only the journal knows.
      let second = try await bench.send(["to": .string(Self.receiver), "value": "2"], number: 1)
      #expect(first.name == "unknown")
      let nonces = [first, second].compactMap { $0.result["nonce"]?.integer }
      #expect(nonces.count == 2 && nonces[1] == nonces[0] + 1)
    }
  }
}
