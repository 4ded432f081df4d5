import CanonicalJSON
import Ethereum

/// Fills in what the proposer left to the moment of sending: gas and prices, within the fee that was approved. Asks the node;
/// sends nothing.
struct TransactionDraft: Sendable {
  let params: Web3SendParams
  let chain: ChainClient

  /// A transaction with this nonce that the account can pay for.
  func transaction(nonce: UInt64) async throws(Web3Refusal) -> Transaction {
    let fees = try await self.fees()
    let gas = try await self.gas()
    var transaction = Transaction(
      chain: UInt64(params.chain), nonce: nonce, fees: fees, gas: gas, to: params.to, value: params.value,
      data: params.data ?? [])
    // Prices that were not pinned leave room for a rising base fee, as far as the approved fee goes.
    if params.fees == nil { transaction.fees = try lowered(fees, gas: gas) }
    guard let cost = transaction.maxCost, cost <= params.maxFee else {
      throw Web3Refusal("denied", "\(gas) gas at \(fees.ceiling) wei is over the approved fee of \(params.maxFee) wei")
    }
    // Signed bytes that the account cannot pay for now could be sent by whoever saw them when it can.
    let balance = try await quantity("eth_getBalance", [.string(params.from.lowercased), "latest"])
    guard let need = cost.adding(params.value), need <= balance else {
      throw Web3Refusal("failed", "insufficient funds: \(params.from) has \(balance) wei, value and fee may take more")
    }
    return transaction
  }

  private func quantity(_ method: String, _ arguments: [JSON]) async throws(Web3Refusal) -> UInt256 {
    let answer: JSON
    do {
      answer = try await chain.call(method, arguments)
    } catch {
      throw Web3Refusal(error)
    }
    guard let value = try? Web3Answers.quantity(answer, method) else {
      throw Web3Refusal("upstream", "the node's answer to \(method) is no quantity")
    }
    return value
  }

  /// What `eth_call` and `eth_estimateGas` take.
  static func message(of params: Web3SendParams) -> JSON {
    var message: JSONObject = ["from": .string(params.from.lowercased), "value": .string(params.value.quantity)]
    message["to"] = params.to.map { .string($0.lowercased) }
    if let data = params.data, !data.isEmpty { message["data"] = .string(HexText.encode(data)) }
    return .object(message)
  }

  /// What was pinned, or the estimate with a fifth on top: what a contract does can differ by the block. The estimate also shows
  /// a call that would be undone, before anything is paid for it.
  private func gas() async throws(Web3Refusal) -> UInt64 {
    if let gas = params.gas { return gas }
    let answer: JSON
    do {
      answer = try await chain.call("eth_estimateGas", [Self.message(of: params)])
    } catch {
      guard case .node(_, let message, let data) = error, error.isRevert else { throw Web3Refusal(error) }
      let reason = RevertReason(data ?? [])
      throw Web3Refusal(
        "failed", "the contract would undo the call; nothing was sent",
        detail: reason == .none ? message : reason.description)
    }
    guard let estimate = try? Web3Answers.quantity(answer, "gas").uint64,
      estimate <= UInt64(Web3SendParams.gasRange.upperBound)
    else { throw Web3Refusal("upstream", "the node's estimate of gas is no quantity in range") }
    // A plain transfer costs the same everywhere.
    return estimate <= 21_000 ? 21_000 : estimate + estimate / 5
  }

  private func fees() async throws(Web3Refusal) -> Transaction.Fees {
    if let fees = params.fees { return fees }
    if params.isLegacy { return .legacy(gasPrice: try await quantity("eth_gasPrice", [])) }
    let block: JSON
    do {
      block = try await chain.call("eth_getBlockByNumber", ["latest", false])
    } catch {
      throw Web3Refusal(error)
    }
    guard let base = try? Web3Answers.quantity(block["baseFeePerGas"], "baseFeePerGas") else {
      throw Web3Refusal("failed", "the chain has no fee market: propose a legacy transaction")
    }
    var tip = UInt256(1_000_000_000)
    if let answer = try? await chain.call("eth_maxPriorityFeePerGas"),
      let value = try? Web3Answers.quantity(answer, "eth_maxPriorityFeePerGas")
    {
      tip = value
    }
    guard let least = base.adding(tip), let most = base.adding(least) else {
      throw Web3Refusal("upstream", "the node's fees are not of this world")
    }
    return .market(maxFee: most, maxPriorityFee: tip)
  }

  /// The prices, lowered to what the approved fee pays for: not below what the next block takes.
  private func lowered(_ fees: Transaction.Fees, gas: UInt64) throws(Web3Refusal) -> Transaction.Fees {
    guard case .market(let most, let tip) = fees, let (affordable, _) = params.maxFee.divided(by: gas),
      affordable < most
    else { return fees }
    // most = 2 * base + tip
    guard let twice = most.subtracting(tip), let (base, _) = twice.divided(by: 2), let least = base.adding(tip),
      affordable >= least
    else {
      throw Web3Refusal("denied", "\(gas) gas cost more now than the approved fee of \(params.maxFee) wei")
    }
    return .market(maxFee: affordable, maxPriorityFee: tip)
  }
}
