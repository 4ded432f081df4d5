import CanonicalJSON
import Cryptography
import Ethereum
import Governance
import HTTPClient
import Keychain
import Storage
import TestSupport

@testable import HostCalls

/// A keychain, a journal and settings for one test against the local chain.
struct Web3Bench {
  /// An account of the chain with a million coins.
  struct Wallet {
    let scalar: [UInt8]
    let address: EthereumAddress

    init(_ key: JSON?) throws {
      scalar = HexText.decode(key?.string ?? "") ?? []
      address = EthereumAddress(try Secp256k1.PrivateKey(scalar: SecretBytes(copying: scalar)).publicKey)
    }
  }

  static let token = "rpc-token-0123456789"
  let directory: TemporaryDirectory
  let chain: LocalChain
  let services: HostServices
  let wallet: Wallet
  let other: Wallet
  /// Of `settings.chains[0]`; change and use ``settings()``.
  var route: JSONObject

  /// - Parameter bound: the hosts that the key is bound to; the chain where nothing is said.
  init(bound: [String]? = nil, kind: SecretKind = .key) async throws {
    chain = try await LocalChain.shared
    try await chain.ask("test_reset")
    directory = try TemporaryDirectory()
    let keys = try await chain.ask("test_keys").array
    wallet = try Wallet(keys?.first)
    other = try Wallet(keys?.last)
    let master = SecretBytes(copying: [UInt8](repeating: 9, count: 32))
    let keychain = try Keychain(path: directory.file("keychain"), master: master)
    try keychain.put(
      community: "acme", name: "treasury-key", value: SecretBytes(copying: Hex.encode(wallet.scalar).utf8),
      hosts: bound ?? ["chain-\(chain.id)"], kind: kind, at: 1)
    try keychain.put(
      community: "acme", name: "other-key", value: SecretBytes(copying: other.scalar), hosts: ["chain-\(chain.id)"],
      kind: .key, at: 1)
    try keychain.put(
      community: "acme", name: "rpc", value: SecretBytes(copying: Self.token.utf8),
      hosts: ["http://\(chain.address)"], kind: .text, at: 1)
    services = HostServices(
      client: HTTPClient(), keychain: keychain,
      files: try FileStreams(
        path: directory.file("streams"), blobs: try BlobStore(path: directory.file("blobs"), master: master),
        now: { 1 }),
      transactions: try TransactionJournal(path: directory.file("transactions")),
      salt: { [UInt8](repeating: 1, count: 32) })
    route = [
      "id": .integer(chain.id), "url": .string(chain.url), "wait": 5,
      "accounts": [
        ["name": "treasury", "secret": "treasury-key", "address": .string(wallet.address.checksummed)],
        ["name": "other", "secret": "other-key", "address": .string(other.address.checksummed)],
      ],
      "limits": ["value": "2000000000000000000", "fee": "10000000000000000"],
    ]
  }

  func settings() throws -> CommunitySettings {
    try CommunitySettings(json: ["chains": [.object(route)], "egress": [.string(chain.address)]])
  }

  func context() throws -> HostCallContext {
    HostCallContext(
      run: String(repeating: "0", count: 64), call: 0,
      tool: ToolManifest(name: "t", version: "1", source: SHA256.hash([])), community: "acme",
      settings: try settings(), now: 1)
  }

  /// What `Web3.*` would do.
  func plan(_ method: String, _ arguments: JSONObject) throws -> HostCallPlan {
    var arguments = arguments
    if arguments["chain"] == nil { arguments["chain"] = .integer(chain.id) }
    return try Web3Call(services).plan(method, arguments: .object(arguments), in: try context())
  }

  /// What a read gives, or why it gives nothing.
  func read(_ arguments: JSONObject) async throws -> Result<JSON, HostCallError> {
    guard case .observe(let look) = try plan("Web3.read", arguments).step else {
      throw HostCallError("failed", "no observation")
    }
    return await look().result
  }

  /// The params that a change proposes.
  func params(_ method: String, _ arguments: JSONObject) throws -> JSONObject {
    guard case .change(_, let params, _) = try plan(method, arguments).step else {
      throw HostCallError("failed", "no change")
    }
    return params
  }

  /// An approved order; every number is another proposal.
  func order(_ type: String, _ params: JSONObject, number: UInt8 = 0) throws -> ExecutionOrder {
    let zero = SHA256.hash([])
    let statement = Statement(
      action: try Action(type: type, params: params), box: "b", epoch: 1, expires: 1, nonce: SHA256.hash([number]),
      policy: zero)
    return ExecutionOrder(
      proposal: statement.digest, statement: statement, params: params,
      policy: Policy(covers: [try Pattern(parsing: type)], rule: .deny), settings: try settings())
  }

  func sender() throws -> Web3SendExecutor {
    guard let transactions = services.transactions else { throw HostCallError("failed", "no journal") }
    return Web3SendExecutor(services, journal: transactions)
  }

  /// Proposes, approves and carries out.
  func send(_ arguments: JSONObject, number: UInt8 = 0) async throws -> ExecutionOutcome {
    var arguments = arguments
    if arguments["account"] == nil { arguments["account"] = "treasury" }
    let params = try params("Web3.send", arguments)
    let executor = try sender()
    try executor.validate(params: .object(params))
    return await executor.execute(try order("web3.send", params, number: number))
  }
}

extension ExecutionOutcome {
  var name: String {
    switch self {
    case .executed: "executed"
    case .failed: "failed"
    case .unknown: "unknown"
    }
  }

  var result: JSONObject {
    switch self {
    case .executed(let result, _), .failed(let result, _), .unknown(let result): result
    }
  }

  var opening: Opening? {
    switch self {
    case .executed(_, let opening), .failed(_, let opening): opening
    case .unknown: nil
    }
  }
}
