import CanonicalJSON
import Cryptography
import Ethereum
import Governance

/// `web3.sign`: signs typed data (EIP-712) with an account of the community.
///
/// The signature is 65 bytes r, s and v (27 or 28). It is an authority in itself, so the log gets a salted commitment to it and the
/// blob store the rest. The same data and key always yield the same signature: reconciling signs again.
public struct Web3SignExecutor: ActionExecutor {
  static let type = "web3.sign"

  private let services: HostServices

  public init(_ services: HostServices) { self.services = services }

  public var type: String { Self.type }
  public var privateParams: Set<String> { ["message"] }

  public func validate(params: JSON) throws(FieldError) {
    _ = try Web3SignParams(json: params)
  }

  public func execute(_ order: ExecutionOrder) async -> ExecutionOutcome { sign(order) }

  public func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome { sign(order) }

  private func sign(_ order: ExecutionOrder) -> ExecutionOutcome {
    let params: Web3SignParams
    do {
      params = try Web3SignParams(json: .object(order.params))
    } catch {
      return .failed(result: ["reason": .string("the opened params are not valid: \(error.field)")], opening: nil)
    }
    guard let typedData = params.typedData else {
      return .failed(result: ["reason": "the message was not opened"], opening: nil)
    }
    do {
      let route = try order.settings.chain(params.chain)
      let account = try route.account(params.account, address: params.address)
      let client = ChainClient(
        route: route, services: services, community: params.community, egress: order.settings.egress)
      let signature = try client.key(of: account).sign(digest: typedData.digest)
      let bytes = signature.signature.p1363 + [27 + signature.recoveryID]
      let opening = try Opening(
        value: [
          "digest": .string(HexText.encode(typedData.digest)), "signature": .string(HexText.encode(bytes)),
        ], salt: services.salt())
      return .executed(
        result: [
          "address": .string(account.address.checksummed), "signed": opening.commitment.json,
          "secrets": .array(client.secretsUsed.map(JSON.string)),
        ], opening: opening)
    } catch let refusal as Web3Refusal {
      return .failed(result: ["reason": .string(refusal.reason)], opening: nil)
    } catch {
      return .failed(result: ["reason": "the signature could not be made"], opening: nil)
    }
  }
}

extension CommunitySettings {
  /// The route of a chain.
  func chain(_ id: Int64) throws(Web3Refusal) -> ChainRoute {
    guard let route = chains.first(where: { $0.id == id }) else {
      throw Web3Refusal("no_route", "the community's settings have no chain \(id)")
    }
    return route
  }
}

extension ChainRoute {
  /// The account of that name, which must be the one that was approved.
  func account(_ name: String, address: EthereumAddress) throws(Web3Refusal) -> Account {
    guard let account = accounts.first(where: { $0.name == name }) else {
      throw Web3Refusal("no_route", "the settings of chain \(id) have no account \(name)")
    }
    guard account.address == address else {
      throw Web3Refusal("denied", "the account \(name) is \(account.address) now, and \(address) was approved")
    }
    return account
  }
}

extension Web3SendParams {
  /// Holds the transaction against the limits of the settings.
  func check(within route: ChainRoute) throws(Web3Refusal) {
    guard value <= route.maxValue else {
      throw Web3Refusal("denied", "the value of \(value) wei is over the limit of \(route.maxValue) of chain \(chain)")
    }
    guard maxFee <= route.maxFee else {
      throw Web3Refusal("denied", "the fee of \(maxFee) wei is over the limit of \(route.maxFee) of chain \(chain)")
    }
  }
}
