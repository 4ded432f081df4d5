import CanonicalJSON
import Cryptography
import Ethereum
import Governance
import HTTPClient

/// `web3.send`: one transaction on one chain, signed with an account of the community.
///
/// In order: the limits of the settings, the node's chain id, the account's key, then under the account's queue the nonce, gas
/// and prices, the signature, the journal, and only then the network. A crash before the journal has the transaction leaves
/// nothing; after it, ``reconcile(_:)`` looks the transaction up and at most sends the same bytes again, which the
/// chain takes once. A transaction that the chain undid is `failed`; one that no block has in time is `unknown`.
///
/// The node is believed in what it says of the chain; it cannot make the box sign anything else than what was approved.
public struct Web3SendExecutor: ActionExecutor {
  static let type = "web3.send"

  private let services: HostServices
  private let journal: TransactionJournal

  public init(_ services: HostServices, journal: TransactionJournal) {
    self.services = services
    self.journal = journal
  }

  public var type: String { Self.type }
  public var privateParams: Set<String> { ["data"] }

  public func validate(params: JSON) throws(FieldError) {
    _ = try Web3SendParams(json: params)
  }

  // MARK: Carrying out

  public func execute(_ order: ExecutionOrder) async -> ExecutionOutcome {
    do throws(Web3Refusal) {
      let (params, route) = try read(order)
      guard params.data != nil else { throw Web3Refusal("failed", "the data was not opened") }
      try params.check(within: route)
      let account = try route.account(params.account, address: params.from)
      let chain = client(route, order, params)
      let key = try chain.key(of: account)
      do throws(ChainError) { try await chain.checkChain() } catch { throw Web3Refusal(error) }
      let place = AccountQueue.Account(chain: route.id, address: account.address)
      await journal.queue.enter(place)
      let sent = await sign(order.proposal, params, chain, key)
      await journal.queue.leave(place)
      switch sent {
      case .failure(let refusal): return failed(refusal, chain)
      case .success(let (record, error)):
        if case .node(let code, let message, _)? = error {
          return closing(record, await refused(record, code, message, params, chain))
        }
        return closing(record, await settled(record, params, chain))
      }
    } catch {
      return failed(error, nil)
    }
  }

  /// Signs, keeps and sends. The refusal beside the record is the node's.
  private func sign(
    _ proposal: SHA256Digest, _ params: Web3SendParams, _ chain: ChainClient, _ key: Secp256k1.PrivateKey
  ) async -> Result<(TransactionJournal.Record, ChainError?), Web3Refusal> {
    let record: TransactionJournal.Record
    do throws(Web3Refusal) {
      let nonce = try await nextNonce(of: params.from, chain)
      let transaction = try await TransactionDraft(params: params, chain: chain).transaction(nonce: nonce)
      do {
        let signed = try transaction.signed(with: key)
        record = TransactionJournal.Record(
          proposal: proposal, chain: params.chain, account: params.from, nonce: nonce, hash: signed.hash,
          raw: signed.raw, isClosed: false)
        // From here on a crash finds the transaction; before, none was made that could get out.
        try journal.keep(record)
      } catch {
        throw Web3Refusal("failed", "the transaction could not be signed and kept; nothing was sent")
      }
    } catch {
      return .failure(error)
    }
    return .success((record, await send(record, chain)))
  }

  /// The account's next nonce: the node's count, and behind every transaction of ours that it still has or shall get.
  private func nextNonce(of account: EthereumAddress, _ chain: ChainClient) async throws(Web3Refusal) -> UInt64 {
    let count: UInt64
    do throws(ChainError) {
      let answer = try await chain.call("eth_getTransactionCount", [.string(account.lowercased), "pending"])
      guard let value = try? Web3Answers.integer(answer, "count") else { throw .malformed("eth_getTransactionCount") }
      count = UInt64(value)
    } catch {
      throw Web3Refusal(error)
    }
    let records: [TransactionJournal.Record]
    do {
      records = try journal.records(chain: chain.route.id, account: account, from: count)
    } catch {
      throw Web3Refusal("failed", "the journal of transactions cannot be read")
    }
    var next = count
    for record in records where record.nonce >= next {
      // One without an outcome was approved and is due: without it, what follows would wait for its nonce for ever. One with
      // an outcome that the node has lost is not sent again; its nonce is free, and taking it makes the old one void.
      let isKnown = await isKnown(record, chain)
      if !isKnown {
        guard !record.isClosed, record.nonce == next, await send(record, chain) == nil else { continue }
      }
      next = record.nonce + 1
    }
    return next
  }

  private func isKnown(_ record: TransactionJournal.Record, _ chain: ChainClient) async -> Bool {
    let answer = try? await chain.call("eth_getTransactionByHash", [.string(HexText.encode(record.hash))])
    return answer?["hash"]?.string?.lowercased() == HexText.encode(record.hash)
  }

  static let sendAttempts = 3
  /// Looks for the receipt between two looks whether the node still has the transaction.
  static let looksPerSend = 6

  /// Sends the bytes until the node answers; nil when it has taken them.
  private func send(_ record: TransactionJournal.Record, _ chain: ChainClient) async -> ChainError? {
    var last: ChainError?
    for attempt in 0..<Self.sendAttempts {
      if attempt > 0 {
        let delay = Self.delay(after: last, attempt: attempt)
        guard (try? await Task.sleep(for: delay)) != nil else { return last }
      }
      do {
        _ = try await chain.call("eth_sendRawTransaction", [.string(HexText.encode(record.raw))])
        return nil
      } catch {
        last = error
        // "Already known", in whatever words: the node says so when asked.
        if await isKnown(record, chain) { return nil }
        guard error.isTransient else { return error }
      }
    }
    return last
  }

  private static func delay(after error: ChainError?, attempt: Int) -> Duration {
    if case .status(_, let seconds?) = error { return .seconds(min(seconds, 10)) }
    return .milliseconds(100 << attempt)
  }

  // MARK: What came of it

  /// Waits for the receipt, for as long as the settings say. A node that has lost the transaction, or never answered, gets the
  /// same bytes again.
  private func settled(
    _ record: TransactionJournal.Record, _ params: Web3SendParams, _ chain: ChainClient
  ) async -> ExecutionOutcome {
    let end = ContinuousClock.now.advanced(by: .seconds(chain.route.wait))
    var pause = Duration.milliseconds(50)
    for look in 1... {
      if let outcome = await outcome(record, params, chain) { return outcome }
      if look.isMultiple(of: Self.looksPerSend), await !isKnown(record, chain) { _ = await send(record, chain) }
      guard ContinuousClock.now < end, (try? await Task.sleep(for: pause)) != nil else {
        return .unknown(result: facts(record, chain, "no block has the transaction after \(chain.route.wait) seconds"))
      }
      pause = min(pause * 2, .seconds(2))
    }
    return .unknown(result: facts(record, chain, nil))
  }

  /// The outcome that the chain has, if it has one.
  private func outcome(
    _ record: TransactionJournal.Record, _ params: Web3SendParams, _ chain: ChainClient
  ) async -> ExecutionOutcome? {
    guard let answer = try? await chain.call("eth_getTransactionReceipt", [.string(HexText.encode(record.hash))]),
      !answer.isNull, let receipt = try? Web3Answers.Receipt(answer), receipt.hash == record.hash
    else { return nil }
    var result = facts(record, chain, nil)
    for name in ["block", "status", "gasUsed", "gasPrice", "contract"] {
      if let value = receipt.json[name], !value.isNull { result[name] = value }
    }
    var details: JSONObject = ["logs": receipt.json["logs"] ?? []]
    if !receipt.isSuccess {
      result["reason"] = "the chain undid the transaction"
      details["reason"] = await revertReason(params, chain, block: receipt.block).map(JSON.string)
    }
    let opening = opened(details, &result)
    return receipt.isSuccess ? .executed(result: result, opening: opening) : .failed(result: result, opening: opening)
  }

  /// What the contract says when the call is repeated on the block before: for people, not a fact.
  private func revertReason(_ params: Web3SendParams, _ chain: ChainClient, block: Int64) async -> String? {
    do throws(ChainError) {
      let before = UInt256(UInt64(max(0, block - 1))).quantity
      _ = try await chain.call("eth_call", [TransactionDraft.message(of: params), .string(before)])
      return nil
    } catch {
      guard case .node(_, let message, let data) = error else { return nil }
      let reason = RevertReason(data ?? [])
      return String((reason == .none ? message : reason.description).prefix(ChainError.maxTextBytes))
    }
  }

  /// The node says that it does not take the bytes.
  private func refused(
    _ record: TransactionJournal.Record, _ code: Int64, _ message: String, _ params: Web3SendParams,
    _ chain: ChainClient
  ) async -> ExecutionOutcome {
    if let outcome = await outcome(record, params, chain) { return outcome }
    var result = facts(record, chain, "the node refused the transaction with error \(code)")
    let opening = opened(["message": .string(message)], &result)
    return .failed(result: result, opening: opening)
  }

  // MARK: After a crash

  /// Looks the kept transaction up. What the chain has is the outcome; what it does not have is sent again, the same bytes,
  /// unless another transaction has taken the nonce.
  public func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome {
    let kept: TransactionJournal.Record?
    do {
      kept = try journal.record(of: order.proposal)
    } catch {
      return .unknown(result: ["reason": "the journal of transactions cannot be read"])
    }
    guard let record = kept else {
      return .failed(result: ["reason": "the box stopped before anything was signed; nothing was sent"], opening: nil)
    }
    let facts: JSONObject = ["hash": .string(HexText.encode(record.hash)), "nonce": .integer(Int64(record.nonce))]
    do throws(Web3Refusal) {
      let (params, route) = try read(order)
      let chain = client(route, order, params)
      do throws(ChainError) { try await chain.checkChain() } catch { throw Web3Refusal(error) }
      if let outcome = await outcome(record, params, chain) { return closing(record, outcome) }
      let place = AccountQueue.Account(chain: route.id, address: record.account)
      await journal.queue.enter(place)
      let error = await resend(record, chain)
      await journal.queue.leave(place)
      if let error { return closing(record, error) }
      return closing(record, await settled(record, params, chain))
    } catch {
      return .unknown(result: facts.merging("reason", .string(error.reason)))
    }
  }

  /// nil when the node has the transaction; otherwise what is to be said of it.
  private func resend(_ record: TransactionJournal.Record, _ chain: ChainClient) async -> ExecutionOutcome? {
    if await isKnown(record, chain) { return nil }
    let answer = try? await chain.call("eth_getTransactionCount", [.string(record.account.lowercased), "latest"])
    guard let count = try? Web3Answers.integer(answer, "count") else {
      return .unknown(result: facts(record, chain, "the node did not say how many transactions the account has made"))
    }
    guard UInt64(count) <= record.nonce else {
      // It may have been mined since it was looked for.
      if await isKnown(record, chain) { return nil }
      let reason = "another transaction has taken the nonce \(record.nonce): this one can no longer be mined"
      return .failed(result: facts(record, chain, reason), opening: nil)
    }
    guard !record.isClosed else {
      return .unknown(result: facts(record, chain, "it was given up, and the node does not have it"))
    }
    guard let error = await send(record, chain), !error.isTransient else { return nil }
    return .unknown(result: facts(record, chain, "sent again after a stop: \(error.reason)"))
  }

  // MARK: Common

  private func read(_ order: ExecutionOrder) throws(Web3Refusal) -> (Web3SendParams, ChainRoute) {
    let params: Web3SendParams
    do {
      params = try Web3SendParams(json: .object(order.params))
    } catch {
      // The field only: what stands in it may be private.
      throw Web3Refusal("failed", "the opened params are not valid: \(error.field)")
    }
    return (params, try order.settings.chain(params.chain))
  }

  private func client(_ route: ChainRoute, _ order: ExecutionOrder, _ params: Web3SendParams) -> ChainClient {
    ChainClient(route: route, services: services, community: params.community, egress: order.settings.egress)
  }

  private func facts(_ record: TransactionJournal.Record, _ chain: ChainClient, _ reason: String?) -> JSONObject {
    var result: JSONObject = [
      "hash": .string(HexText.encode(record.hash)), "nonce": .integer(Int64(record.nonce)),
      "secrets": .array(chain.secretsUsed.map(JSON.string)),
    ]
    result["reason"] = reason.map(JSON.string)
    return result
  }

  /// Puts a commitment to the details into the result.
  private func opened(_ details: JSONObject, _ result: inout JSONObject) -> Opening? {
    guard let opening = try? Opening(value: .object(details), salt: services.salt()) else { return nil }
    result["details"] = opening.commitment.json
    return opening
  }

  private func failed(_ refusal: Web3Refusal, _ chain: ChainClient?) -> ExecutionOutcome {
    var result: JSONObject = ["reason": .string(refusal.reason)]
    let opening = refusal.detail.flatMap { opened(["message": .string($0)], &result) }
    return .failed(result: result, opening: opening)
  }

  /// Marks the transaction as one that has its outcome. A crash before this only makes its reconciliation look it up.
  private func closing(_ record: TransactionJournal.Record, _ outcome: ExecutionOutcome) -> ExecutionOutcome {
    try? journal.close(record.proposal)
    return outcome
  }
}

extension JSONObject {
  fileprivate func merging(_ name: String, _ value: JSON) -> JSONObject {
    var copy = self
    copy[name] = value
    return copy
  }
}
