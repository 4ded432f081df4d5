import CanonicalJSON
import Ethereum
import Governance
import HTTPClient
import Keychain
import Synchronization

/// `Protocol.Web3`: looks at EVM chains through their nodes' JSON-RPC, and proposes transactions and signatures
/// (docs/host-calls-web3.md).
public struct Web3Call: HostCall {
  private let services: HostServices
  private let verified = VerifiedChains()

  public init(_ services: HostServices) { self.services = services }

  static let addressSchema = ArgumentSchema.string(maxBytes: 42)
  static let functionSchema = ArgumentSchema.either(
    ArgumentSchema.string(maxBytes: FunctionSignature.maxBytes), ArgumentSchema.anyObject)
  private static let dimensions = ["chains", "contracts"]
  private static let wei = ArgumentSchema.string(maxBytes: 78)

  public var methods: [HostMethod] {
    [
      HostMethod(
        "Web3.read", .observe, dimensions: Self.dimensions, schema: Web3Read.schema,
        summary: "Calls a contract without changing it, or reads a balance, block, receipt, transaction or logs."),
      HostMethod(
        "Web3.send", .change, dimensions: Self.dimensions,
        schema: ArgumentSchema.object([
          .required("chain", ArgumentSchema.integer(ChainRoute.idRange), "the chain's id"),
          .required("account", ArgumentSchema.string(maxBytes: 64), "the account's name in the settings"),
          .optional("to", ArgumentSchema.any, "an address; absent or null creates a contract"),
          .optional("value", Self.wei, "wei as decimal text; nothing where it is absent"),
          .optional("function", Self.functionSchema, "a signature, or its JSON interface"),
          .optional(
            "abi", ArgumentSchema.array(ArgumentSchema.anyObject, maxCount: Web3Arguments.maxInterface),
            "the contract's"),
          .optional("arguments", ArgumentSchema.any, "an array, or an object by the parameters' names"),
          .optional(
            "data", ArgumentSchema.string(maxBytes: 2 + Web3SendParams.maxDataBytes * 2), "0x, in place of function"),
          .optional("gas", ArgumentSchema.integer(Web3SendParams.gasRange), "estimated where it is absent"),
          .optional(
            "maxFee", Self.wei, "the most that gas may cost in all, wei; the settings' limit where it is absent"),
          .optional("maxFeePerGas", Self.wei, "wei; chosen by the block's base fee where it is absent"),
          .optional("maxPriorityFeePerGas", Self.wei, "wei; with maxFeePerGas"),
          .optional("legacy", ArgumentSchema.boolean, "for chains without a fee market"),
          .optional("gasPrice", Self.wei, "wei; with legacy"),
        ]),
        summary: "Proposes a transaction, and when it is decided signs it, sends it and waits until it is mined."),
      HostMethod(
        "Web3.sign", .change, dimensions: Self.dimensions,
        schema: ArgumentSchema.object([
          .required("chain", ArgumentSchema.integer(ChainRoute.idRange), "the chain's id"),
          .required("account", ArgumentSchema.string(maxBytes: 64), "the account's name in the settings"),
          .required(
            "typedData", ArgumentSchema.anyObject, "types, primaryType, domain (with the chainId) and message (EIP-712)"
          ),
        ]),
        summary: "Proposes to sign typed data (EIP-712)."),
    ]
  }

  public func plan(
    _ method: String, arguments: JSON, in context: HostCallContext
  ) throws(HostCallError) -> HostCallPlan {
    switch method {
    case "Web3.read": try read(arguments, in: context)
    case "Web3.send": try send(arguments, in: context)
    case "Web3.sign": try sign(arguments, in: context)
    default: throw HostCallError("bad_argument", "\(method) is not a method of Web3")
    }
  }

  private static func facts(_ chain: Int64, _ contract: String) -> [[String: String]] {
    [["chains": String(chain), "contracts": contract]]
  }

  // MARK: Reading

  private func read(_ arguments: JSON, in context: HostCallContext) throws(HostCallError) -> HostCallPlan {
    let (route, question) = try HostArguments.read(arguments) { reader throws(FieldError) in
      let route = try Web3Arguments.route(&reader, context.settings)
      return (route, try Web3Read.question(try reader.string("method", maxBytes: 32), &reader))
    }
    let chain = ChainClient(
      route: try route.get(), services: services, community: context.community, egress: context.settings.egress)
    let verified = verified
    return HostCallPlan(
      facts: Self.facts(chain.route.id, question.contract),
      step: .observe {
        let result = await Self.ask(question, of: chain, verified)
        return HostCallOutcome(result, secrets: chain.secretsUsed)
      })
  }

  private static func ask(
    _ question: Web3Read.Question, of chain: ChainClient, _ verified: VerifiedChains
  ) async -> Result<JSON, HostCallError> {
    do {
      if !verified.contains(chain.route) {
        try await chain.checkChain()
        verified.insert(chain.route)
      }
      return .success(try question.answer(try await chain.call(question.method, question.params)))
    } catch let error as ChainError {
      if question.method == "eth_call", case .node(_, _, let data) = error, let refusal = reverted(error, data) {
        return .failure(refusal)
      }
      return .failure(error.hostCallError)
    } catch let fault as Web3Answers.Fault {
      return .failure(HostCallError("upstream", "the node's answer is not what was asked for: \(fault.what)"))
    } catch {
      return .failure(HostCallError("failed", "the answer cannot be read"))
    }
  }

  private static func reverted(_ error: ChainError, _ data: [UInt8]?) -> HostCallError? {
    guard error.isRevert else { return nil }
    let reason = RevertReason(data ?? [])
    var details: JSONObject = ["reverted": true]
    if let data { details["data"] = .string(HexText.encode(data.prefix(4096))) }
    return HostCallError(
      "failed", "the contract undid the call: \(reason.description.prefix(ChainError.maxTextBytes))", details: details)
  }

  // MARK: Changes

  private func send(_ arguments: JSON, in context: HostCallContext) throws(HostCallError) -> HostCallPlan {
    let result = try HostArguments.read(arguments) {
      reader throws(FieldError) -> Result<(ChainRoute, Web3SendParams), HostCallError> in
      let route = try Web3Arguments.route(&reader, context.settings)
      let name = try reader.checkedName("account")
      let draft = try Self.draft(&reader, community: context.community)
      return route.flatMap { route in Self.account(name, of: route).map { (route, draft($0, route)) } }
    }
    let (route, params) = try result.get()
    do {
      try params.check(within: route)
      let json = JSON.object(params.json)
      guard try Web3SendParams(json: json, path: HostArguments.path) == params else {
        throw HostCallError("bad_argument", "arguments: expected what one reading gives, found another")
      }
    } catch let error as FieldError {
      throw HostCallError(error)
    } catch let refusal as Web3Refusal {
      throw HostCallError(refusal.code, refusal.reason)
    } catch let error as HostCallError {
      throw error
    } catch {
      throw HostCallError("bad_argument", "arguments: expected a transaction, found \(error)")
    }
    return HostCallPlan(
      facts: Self.facts(params.chain, params.to?.lowercased ?? Web3SendParams.creation),
      step: .change(type: Web3SendExecutor.type, params: params.json))
  }

  /// Reads what a transaction is; the account and its route come later.
  private static func draft(
    _ reader: inout ObjectReader, community: String
  ) throws(FieldError) -> (ChainRoute.Account, ChainRoute) -> Web3SendParams {
    var to: EthereumAddress?
    if let json = reader.optionalJSON("to"), !json.isNull {
      to = try EthereumAddress(json: json, path: reader.pathOf("to"))
    }
    let value = try reader.optionalWei("value") ?? .zero
    let call = try Web3Arguments.call(&reader)
    var data = try reader.optionalData("data", maxBytes: Web3SendParams.maxDataBytes)
    if let call {
      guard data == nil else {
        throw FieldError(field: reader.pathOf("data"), expected: "function or data, not both", actual: "both")
      }
      data = try Web3Arguments.data(of: call, path: reader.pathOf("arguments"))
    }
    let gas = try reader.optionalInteger("gas", in: Web3SendParams.gasRange).map(UInt64.init)
    let isLegacy = try reader.optionalBool("legacy", default: false)
    let fees = try Web3SendParams.fees(&reader, isLegacy: isLegacy)
    let maxFee = try reader.optionalWei("maxFee")
    return { account, route in
      Web3SendParams(
        community: community, chain: route.id, account: account.name, from: account.address, to: to, value: value,
        call: call, data: data ?? [], isLegacy: isLegacy, gas: gas, fees: fees, maxFee: maxFee ?? route.maxFee)
    }
  }

  static func account(_ name: String, of route: ChainRoute) -> Result<ChainRoute.Account, HostCallError> {
    guard let account = route.accounts.first(where: { $0.name == name }) else {
      return .failure(HostCallError("no_route", "the settings of chain \(route.id) have no account \(name)"))
    }
    return .success(account)
  }

  private func sign(_ arguments: JSON, in context: HostCallContext) throws(HostCallError) -> HostCallPlan {
    let result = try HostArguments.read(arguments) {
      reader throws(FieldError) -> Result<Web3SignParams, HostCallError> in
      let route = try Web3Arguments.route(&reader, context.settings)
      let name = try reader.checkedName("account")
      let json = try reader.json("typedData")
      let typedData = try TypedData(json: json, path: reader.pathOf("typedData"))
      try Web3SignParams.check(typedData, chain: (try? route.get())?.id, path: reader.pathOf("typedData"))
      return route.flatMap { route in
        Self.account(name, of: route).map { account in
          Web3SignParams(
            community: context.community, chain: route.id, account: name, address: account.address,
            typedData: json.object ?? [:], verified: typedData)
        }
      }
    }
    let params = try result.get()
    return HostCallPlan(
      facts: Self.facts(params.chain, params.verifyingContract?.lowercased ?? Web3Read.noContract),
      step: .change(type: Web3SignExecutor.type, params: params.json))
  }
}

/// The routes whose nodes have said that they serve the chain they should: asked once in a process, since a read that a node
/// gets wrong on purpose is wrong either way. What signs asks each time.
final class VerifiedChains: Sendable {
  private let known = Mutex<Set<ChainRoute>>([])
  static let most = 1024

  func contains(_ route: ChainRoute) -> Bool { known.withLock { $0.contains(route) } }

  func insert(_ route: ChainRoute) {
    known.withLock { known in
      if known.count >= Self.most { known = [] }
      known.insert(route)
    }
  }
}
