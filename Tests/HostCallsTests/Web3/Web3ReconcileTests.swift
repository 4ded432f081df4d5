import CanonicalJSON
import Cryptography
import Ethereum
import Testing

@testable import HostCalls

extension Web3ChainTests {
  /// What a crash and a bad line may not do: send a transaction twice, or lose what came of it.
  @Suite(.serialized) struct Repeating {
    static let receiver = Sending.receiver

    private static func prepared(_ bench: Web3Bench) throws -> ExecutionOrder {
      try bench.order(
        "web3.send",
        try bench.params("Web3.send", ["account": "treasury", "to": .string(receiver), "value": "7"]))
    }

    @Test(arguments: ["lost", "truncated", "429", "500", "hangup", "garbage"])
    func aBadAnswerToTheTransactionChangesNothing(fault: String) async throws {
      let bench = try await Web3Bench()
      let before = try await bench.chain.balance(try EthereumAddress(Self.receiver))
      try await bench.chain.ask("test_fault", "eth_sendRawTransaction", .string(fault), .string(fault))
      let outcome = try await bench.sender().execute(try Self.prepared(bench))
      #expect(outcome.name == "executed", "\(fault): \(outcome.result)")
      let after = try await bench.chain.balance(try EthereumAddress(Self.receiver))
      #expect(after.subtracting(before) == UInt256(7))
      #expect(Set(try await bench.chain.raws()).count == 1, "the same bytes each time")
    }

    @Test(arguments: [
      "eth_chainId", "eth_getTransactionCount", "eth_getBlockByNumber", "eth_getBalance", "eth_estimateGas",
    ])
    func withoutWhatTheNodeMustSayNothingIsSent(method: String) async throws {
      let bench = try await Web3Bench()
      for fault in ["429", "truncated"] {
        try await bench.chain.ask("test_fault", .string(method), .string(fault))
        #expect(try await bench.sender().execute(try Self.prepared(bench)).name == "failed", "\(fault)")
      }
      try await bench.chain.ask("test_override", .string(method), "nonsense")
      #expect(try await bench.sender().execute(try Self.prepared(bench)).name == "failed")
      #expect(try await bench.chain.raws().isEmpty)
    }

    @Test func aReceiptOfAnotherTransactionIsNotBelieved() async throws {
      var bench = try await Web3Bench()
      bench.route["wait"] = 1
      let other = try await bench.send(["to": .string(Self.receiver), "value": "1"])
      let receipt = try await bench.chain.ask("eth_getTransactionReceipt", try #require(other.result["hash"]))
      try await bench.chain.ask("test_override", "eth_getTransactionReceipt", receipt)
      #expect(try await bench.sender().execute(try Self.prepared(bench)).name == "unknown")
    }

    /// The crash is right after the transaction was sent: it is found, and nothing is sent again.
    @Test func whatWasMinedIsFoundAfterACrash() async throws {
      let bench = try await Web3Bench()
      let order = try Self.prepared(bench)
      let first = try await bench.sender().execute(order)
      let again = try await bench.sender().reconcile(order)
      #expect(first.name == "executed")
      #expect(again.name == "executed")
      #expect(again.result["hash"] == first.result["hash"])
      #expect(try await bench.chain.raws().count == 1)
    }

    /// The crash is between the journal and the network: the same bytes go out, once.
    @Test func whatWasOnlyKeptIsSentAfterACrash() async throws {
      let bench = try await Web3Bench()
      let order = try Self.prepared(bench)
      let record = try await Self.kept(order, bench)
      let outcome = try await bench.sender().reconcile(order)
      #expect(outcome.name == "executed", "\(outcome.result)")
      #expect(try await bench.chain.raws() == [HexText.encode(record.raw)])
      #expect(try await bench.sender().reconcile(order).name == "executed")
      #expect(try await bench.chain.raws().count == 1)
    }

    @Test func whatWasOnlyKeptGoesBeforeWhatFollows() async throws {
      let bench = try await Web3Bench()
      let order = try Self.prepared(bench)
      let record = try await Self.kept(order, bench)
      let next = try await bench.send(["to": .string(Self.receiver), "value": "1"], number: 1)
      #expect(next.result["nonce"]?.integer == Int64(record.nonce) + 1)
      #expect(try await bench.sender().reconcile(order).name == "executed")
      #expect(try await bench.chain.raws().count == 2)
    }

    @Test func beforeTheJournalNothingWasSent() async throws {
      let bench = try await Web3Bench()
      let outcome = try await bench.sender().reconcile(try Self.prepared(bench))
      #expect(outcome.name == "failed")
      #expect(try await bench.chain.raws().isEmpty)
    }

    @Test func aTransactionWhoseNonceIsTakenCanNoLongerBeMined() async throws {
      let bench = try await Web3Bench()
      let order = try Self.prepared(bench)
      let record = try await Self.kept(order, bench)
      // Somebody else, with the same key and another box.
      let elsewhere = try TransactionJournal(path: bench.directory.file("elsewhere"))
      let params = try bench.params(
        "Web3.send", ["account": "treasury", "to": .string(Self.receiver), "value": "1"])
      let other = Web3SendExecutor(bench.services, journal: elsewhere)
      #expect(await other.execute(try bench.order("web3.send", params, number: 1)).name == "executed")
      let outcome = try await bench.sender().reconcile(order)
      #expect(outcome.name == "failed")
      #expect(outcome.result["nonce"]?.integer == Int64(record.nonce))
      #expect(try await bench.chain.raws().count == 1)
    }

    @Test func aProposalIsSignedOnce() async throws {
      let bench = try await Web3Bench()
      let order = try Self.prepared(bench)
      #expect(try await bench.sender().execute(order).name == "executed")
      #expect(try await bench.sender().execute(order).name == "failed")
      #expect(try await bench.chain.raws().count == 1)
    }

    @Test func aNodeThatCannotBeReachedLeavesItUnknown() async throws {
      let bench = try await Web3Bench()
      let order = try Self.prepared(bench)
      _ = try await Self.kept(order, bench)
      try await bench.chain.ask("test_fault", "eth_chainId", "500")
      let outcome = try await bench.sender().reconcile(order)
      #expect(outcome.name == "unknown")
      #expect(try await bench.chain.raws().isEmpty)
    }

    /// Signs and keeps as the executor does, and dies.
    private static func kept(_ order: ExecutionOrder, _ bench: Web3Bench) async throws -> TransactionJournal.Record {
      let count = try await bench.chain.ask(
        "eth_getTransactionCount", .string(bench.wallet.address.lowercased), "latest")
      let nonce = try #require(UInt256(count.string ?? "")?.uint64)
      let signed = try Transaction(
        chain: UInt64(bench.chain.id), nonce: nonce,
        fees: .market(maxFee: UInt256(10_000_000_000), maxPriorityFee: UInt256(1_000_000_000)), gas: 21_000,
        to: try EthereumAddress(receiver), value: UInt256(7)
      ).signed(with: try Secp256k1.PrivateKey(scalar: SecretBytes(copying: bench.wallet.scalar)))
      let record = TransactionJournal.Record(
        proposal: order.proposal, chain: bench.chain.id, account: bench.wallet.address, nonce: nonce, hash: signed.hash,
        raw: signed.raw, isClosed: false)
      try bench.services.transactions?.keep(record)
      return record
    }
  }
}
